"""QR codes for a terminal (ISO/IEC 18004)."""

from __future__ import annotations

import io
import shutil


def draw_code(text: str) -> str:
    """Return a text as a QR code, two rows of it a line; "" where the terminal is too narrow for it."""
    import segno

    code = segno.make(text, error="l", micro=False)
    if code.symbol_size(border=2)[0] > shutil.get_terminal_size().columns:
        return ""
    drawn = io.StringIO()
    code.terminal(drawn, border=2, compact=True)
    return drawn.getvalue().rstrip("\n")
