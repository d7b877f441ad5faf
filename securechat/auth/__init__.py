"""Who is this: passwords kept as argon2id verifiers, tokens kept as SHA-256 digests.

Knows how a secret is made, judged fit, hashed and checked, and that hashing happens off the loop in a bounded pool.
Must not know connections, where a verifier is stored, or what an account may do. Importing this package costs nothing:
argon2 is loaded by `passwords` alone.
"""
