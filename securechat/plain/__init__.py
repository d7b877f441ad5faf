"""Line mode and one-shot commands: what a person or a script sees of a link, one line at a time.

Knows `client`, terminals and standard streams. Must not know the rules of the chat (`chat`), nor command lines:
`cli` reads options and calls in. Whatever others wrote goes through `visible.show` before it is printed.
"""
