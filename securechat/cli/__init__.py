"""The three commands: one click table each; everything heavy is imported by the command that needs it.

Knows every other package, and is known by none.
"""
