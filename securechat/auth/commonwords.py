"""What people begin with when they make a password up, in the languages that are most seen on published lists.

Written down by hand from what every study of leaked passwords names again and again: facts, of which no list was copied.
All in lower case, letters only.
"""

from __future__ import annotations

from typing import Final

WORDS: Final = frozenset(
    """
    password passwords passwd pass passw passphrase passcode secret secrets private access login logon signin
    welcome hello hallo hola ciao bonjour aloha letmein openup sesame opensesame enter changeme change default temp
    temporary test tester testing guest user username root admin administrator administrador system sysadmin
    superuser master server service support office company internet computer laptop windows microsoft apple google
    facebook twitter instagram linkedin yahoo hotmail gmail email mail account chat irc network localhost example
    demo sample database oracle cisco samsung nokia nintendo playstation xbox minecraft pokemon pikachu

    iloveyou ilove loveyou love lover lovely loveme forever always friend friends family mother father mommy daddy
    brother sister baby babygirl babyboy girl boy angel angels heaven jesus christ god blessed faith hope grace
    sweet sweety sweetheart honey sugar sunshine sunny sun moon star stars flower flowers rose lily daisy rainbow
    butterfly dolphin tiger lion eagle wolf bear dragon monkey kitty kitten cat dog puppy horse pony spider snake
    shadow phoenix unicorn turtle chicken cookie cookies chocolate cheese pizza banana orange cherry peanut pepper
    ginger coffee candy summer winter spring autumn fall january february march april june july august september
    october november december monday tuesday wednesday thursday friday saturday sunday today tomorrow

    football baseball basketball soccer hockey tennis golf rugby cricket swimming dance dancer music guitar piano
    metallica nirvana slipknot eminem beatles blink batman superman spiderman ironman wonder starwars startrek
    matrix harrypotter hogwarts gandalf frodo merlin naruto pirate ninja samurai warrior soldier killer hunter
    ranger marine trooper captain boss king queen prince princess duke knight hero champion winner power money
    cash dollar gold golden silver diamond crystal blue red green black white yellow purple pink orange

    qwerty qwertz azerty qazwsx asdf zxcv dvorak abc abcd abcdef alphabet one two three four five six seven eight
    nine ten zero first number lucky

    michael michelle jessica jennifer jordan ashley amanda daniel andrew joshua matthew anthony robert thomas
    charlie george nicole hannah samantha elizabeth natasha barbara victoria alexander alex anna maria sarah laura
    andrea patrick william james john david richard charles joseph kevin brian jason justin brandon tyler austin
    hunter taylor madison maggie buster harley ferrari porsche mercedes mustang corvette yamaha honda toyota
    chelsea arsenal liverpool manchester united barcelona madrid juventus milan bayern dortmund yankees lakers
    cowboys steelers eagles london paris berlin england america canada australia deutschland france italia

    passwort kennwort geheim schatz liebe ichliebedich sommer fruehling herbst fussball zuhause willkommen hallowelt
    motdepasse bienvenue soleil amour jetaime chocolat doudou loulou contrasena contrase clave bienvenido teamo
    teamomucho tequiero amor princesa estrella futbol senha bemvindo brasil flamengo parola segreta amore tiamo
    benvenuto napoli wachtwoord welkom haslo polska kochamcie parol lozinka heslo losenord salasana

    пароль привет секрет любовь люблю солнце россия москва спартак зенит наташа марина никита максим

    trustno trustnoone whatever nothing something anything everything nobody please thanks thankyou goodbye
    fuck fuckyou fuckoff fucker shit asshole bitch sexy

    my the is this that and you me i a we our your it to of in on at for no not yes go get new old big hot real super
    best top hi ok mr so
    """.split()  # noqa: SIM905 (four hundred quoted words are no better to read)
)

PHRASES: Final = frozenset(
    """
    correcthorsebatterystaple correcthorsebattery1staple troubador tobeornottobe tobeornottobethatisthequestion
    maytheforcebewithyou lukeiamyourfather livelongandprosper winteriscoming valarmorghulis onceuponatime
    nevergonnagiveyouup nevergonnaletyoudown supercalifragilisticexpialidocious theanswerisfortytwo
    speakfriendandenter youshallnotpass hakunamatata alohomora expectopatronum houstonwehaveaproblem
    ihaveadream cogitoergosum carpediem iwillalwaysloveyou iloveyousomuch iloveyouforever loveyouforever
    ilovejesuschrist jesuslovesme inthebeginning thequickbrownfox thequickbrownfoxjumpsoverthelazydog
    allyourbasearebelongtous helloworld hellothere hellokitty whatsmypassword whatismypassword
    iforgotmypassword idontknow idontremember thisisapassword thisismypassword mypasswordispassword
    nopasswordneeded notapassword incorrectpassword yourpasswordisincorrect passwordincorrect
    oneringtorulethemall twinkletwinklelittlestar happybirthdaytoyou merrychristmas happynewyear
    ichliebedichsosehr sesamoeffnedich sesamoeffnetdich jetaimepourlavie esmicontrasena
    """.split()  # noqa: SIM905 (four hundred quoted words are no better to read)
)
"""What many would think nobody else had thought of, without spaces and marks."""
