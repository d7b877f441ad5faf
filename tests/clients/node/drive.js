'use strict';
// The library irc-framework, driven by lines of JSON: a line in is [method of its client, arguments…], a line out is
// [event of its client, what it hands out]. The tests read what an application built on it would be told.
const readline = require('readline');
const { Client } = require('irc-framework');

const INTERNAL = new Set(['raw', 'debug', 'raw socket connected', 'message']);
const client = new Client();

function print(name, event) {
    const failed = event instanceof Error || (event && event.type === 'error');
    const row = Array.isArray(event) ? { rows: event } : event instanceof Object ? event : {};
    process.stdout.write(JSON.stringify([name, failed ? { error: event.code || event.message } : row]) + '\n');
}

const emit = client.emit;
client.emit = function(name, event) {
    if (!INTERNAL.has(name)) {
        print(name, event);
    }
    return emit.apply(this, arguments);
};

const own = {
    connect(options, webSocket) {
        if (webSocket) {
            // What a browser has by itself.
            globalThis.WebSocket = require('ws');
            options.transport = require('irc-framework/src/transports/websocket');
        }
        client.connect(options);
    },
    show() {
        const { cap, options } = client.network;
        print('shown', { nick: client.user.nick, enabled: cap.enabled, available: [...cap.available.keys()], options });
    },
    canSendTag(tag) {
        print('can send', { tag, yes: client.network.supportsTag(tag) });
    },
};

readline.createInterface({ input: process.stdin }).on('line', line => {
    const [method, ...args] = JSON.parse(line);
    (own[method] || client[method]).apply(client, args);
}).on('close', () => process.exit(0));
