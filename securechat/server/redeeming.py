"""What is found out of an invitation's code off the rules: which invitation it is, and what is to be kept of the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.auth.invites import digest_code
from securechat.auth.tokens import digest_token, is_token
from securechat.chat.effects import Verify
from securechat.chat.inviting import find_invitation, obstacle_to_redeeming
from securechat.chat.signin import Conclusion

if TYPE_CHECKING:
    from securechat.server.node import Node


async def redeem_code(node: Node, verify: Verify) -> Conclusion:
    """Look an invitation up by its digest; only where it can be redeemed is a password hashed.

    Raises: Overloaded.
    """
    digest = digest_code(verify.secret)
    invitation = find_invitation(node.world, digest)
    if invitation is None:
        return Conclusion("")
    found = Conclusion("", invitation=digest)
    if obstacle_to_redeeming(node.world, invitation, verify.name) is not None:
        return found
    if is_token(verify.new_secret):
        return found._replace(digest=digest_token(verify.new_secret))
    return found._replace(new_verifier=await node.passwords.hash(verify.new_secret))
