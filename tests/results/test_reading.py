"""A document's texts cannot act on a terminal, however they are written down."""

from __future__ import annotations

import json

import pytest

from parface_bench.results.result import _check_texts, _plain


def refused(text: str) -> bool:
    try:
        _check_texts(json.loads(text))
    except json.JSONDecodeError:
        return True
    return False


def test_texts_that_are_passed_over_hold_no_control_character():
    """The quick look may ask for the slow one in vain, but never the other way round."""
    for code in [*range(0x200), *range(0xD780, 0xE080)]:
        for raw in {json.dumps({"a": chr(code)}), f'{{"a": "\\u{code:04X}"}}', f'["x\\u{code:04x}y"]'}:
            assert not (_plain(raw) and refused(raw)), raw
        if 0x20 <= code < 0xD800:
            raw = json.dumps({chr(code): 1}, ensure_ascii=False)
            assert not (_plain(raw) and refused(raw)), raw


@pytest.mark.parametrize("text", ['{"a": "plain"}', '{"a": "10 µm ± 2, \\"quoted\\"\\n"}', '{"a": 1e-07}'])
def test_ordinary_texts_are_passed_over(text):
    assert _plain(text) and not refused(text)
