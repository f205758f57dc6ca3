"""The texts of FORMAT.md that a gateway ever wrote, by their SHA-256.

Law: a text is added when the format's words change, and none is ever taken out: a directory that
an earlier gateway wrote describes itself with the words of its time.
"""

from typing import Final

FORMAT_FILE: Final = "FORMAT.md"
KNOWN_FORMATS: Final = frozenset(
    (
        "e3fc9c78951d35a35241ed087aa9fc019083122d9e6f28cbd1094e10be5c1204",  # format 1
        "933f465cef854e764a362e371915855b2b3b379e6147ad0c8141d03dfff76147",
        "1bae50bc23a06f35fde0db37b162e7dec74ec3b834c17eb0b32630f6231fd1dc",
        "be64ad0000193a915d878bcde01836d6d6b5006f191a45dd4ab84fcd1b13e48a",
        "f5c795b460d62d62b94c4f8b49d0a384f1fb3b233ce5cb77e69173019c9425f4",
        "5b504fe81a204bade5940b4d1e03142297f57cb1b135e03a5911d25e9f8f9221",  # format 2
        "26f78a21a7ee6dc5eedc4424cf618afe7ce80fcb141699660e6bc5ddc132a6d1",
        "3ad86ddff283d3bf7b52facdafe2a878cfbcccaa79fb1c3b68eb6fc5913c7e1d",
        "68f0c0d39e66411a190fb003e2e4b1b0ca1752dc03b06633800a0b2391759463",
        "55da8397de51bc89e82ec6e31a4e5789d036def90d2b1469ece0ff5f0e9571cb",
        "62e388e85ff9fe0086bb0d2d12ce4861c530d45ac4edd82654942778e67f21b9",
    )
)
