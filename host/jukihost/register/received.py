"""Names and addresses exactly as they were received, and the key by which they are found.

Normalising changes names: U+FA19 神 becomes U+795E, and a variation sequence is one person's way to
write their name. So what is kept is what came, to the byte; only the search key is made plain.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from jukihost.register.errors import TextRefused

LONGEST: Final = 400
"""The most characters (code points, selectors counted) of one text."""
LONGEST_BYTES: Final = 1600
"""The most bytes of one text, in UTF-8."""
_UNFIT: Final = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff\U0010fffe\U0010ffff]"
)
_PRIVATE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f]")
_BESIDE: Final = re.compile(r"[\s・･.,，．、。\-‐－―ー'’]+")

_FAMILIES: Final = (
    "高髙 崎﨑嵜碕 辺邉邊 斉齋齊斎 吉𠮷 浜濱濵 沢澤 広廣 国國 桜櫻 "
    "島嶋嶌 竜龍 滝瀧 徳德 真眞 静靜 増增 横橫 黒黑 恵惠 栄榮 円圓 "
    "関關 学學 覚覺 気氣 亀龜 旧舊 県縣 検檢 厳嚴 児兒 実實 寿壽 "
    "条條 将將 渋澁 粛肅 随隨 瀬瀨 聡聰 曽曾 蔵藏 稲稻 団團 弥彌 "
    "万萬 満滿 桧檜 鉄鐵 伝傳 塩鹽 豊豐 来來 頼賴 薮藪 与與 礼禮 "
    "凜凛 遥遙 槙槇 館舘 富冨 船舩 寛寬 峰峯 梅楳 郎郞 土圡 柳栁 "
    "桑桒 隠隱 青靑"
)
"""Ways to write what is searched as one character: the first of each family is the key's."""
_PLAIN: Final = {
    ord(other): ord(family[0]) for family in _FAMILIES.split() for other in family[1:]
} | {kana: kana - 0x60 for kana in range(ord("ァ"), ord("ヶ") + 1)}


@dataclass(frozen=True, slots=True)
class AsReceived:
    """A name or an address as it was received: never normalised, and not shown by `repr`.

    origin: where private-use characters in it are from (a set of characters, or whose own), so that
    they can be drawn; needed where there are any, and only there. TextRefused.
    """

    text: str
    origin: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip() or _UNFIT.search(self.text) or _UNFIT.search(self.origin):
            raise TextRefused(
                "this text is empty, or holds a control character or half a surrogate pair; read "
                "it again from where it came, in UTF-8"
            )
        size = len(self.text.encode())
        if len(self.text) > LONGEST or size > LONGEST_BYTES or len(self.origin) > LONGEST:
            raise TextRefused(
                f"this text has more than {LONGEST} characters, or {LONGEST_BYTES} bytes"
            )
        if bool(_PRIVATE.search(self.text)) != bool(self.origin):
            raise TextRefused(
                "say where its private-use characters are from (`origin`); a text without any has "
                "no origin to say"
            )

    def __repr__(self) -> str:
        return f"<AsReceived, {len(self.text)} characters>"


def check_text(text: str) -> None:
    """Check that a text is one: no control character, nothing that is no character. TextRefused."""
    if _UNFIT.search(text):
        raise TextRefused(
            "this text holds a control character or half a surrogate pair; read it again from "
            "where it came, in UTF-8"
        )


def search_key(text: str) -> str:
    """Return what a text is found by: plain characters, one for all ways to write it.

    Width, kana, case, variation sequences, spaces and dots do not count, nor which of the common
    variants of a character it is. What has no plain form stays, private-use characters too.
    """
    bare = _SELECTORS.sub("", text).translate(_PLAIN)
    folded = unicodedata.normalize("NFKC", bare).casefold().translate(_PLAIN)
    return _BESIDE.sub("", folded)
