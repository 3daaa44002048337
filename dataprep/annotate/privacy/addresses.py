"""E-mail and IP addresses.

**E-mail** (RFC 5321, and RFC 6531 for names and domains beyond ASCII). A name is of one script, as is each label of a
domain, next to ASCII digits and signs: so an address ends where the sentence around it goes on in another script, and
the accents of a name are part of it. Chinese, Japanese, Thai, Lao, Khmer and Burmese put no space around an address
in their own script: a name is then everything up to the last space or sign, if that is short, and a domain ends with a
top-level domain that is known here.

**IP addresses.** Version 4 as four numbers between dots, unless something tells that they are a version or a section;
version 6 as global unicast (RFC 4291). Those of this machine, of private networks, masks and multicast name nobody.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from dataprep.annotate.privacy.view import Match, View, goes_on

_NAME_SIGNS: Final = frozenset("._+-'’")
_MAX_NAME_BYTES: Final = 64  # RFC 5321, section 4.5.3.1
_MAX_LABEL_BYTES: Final = 63
_MAX_UNSPACED_NAME: Final = 16  # characters; a longer one is the sentence around it
_UNSPACED: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"})
_LATIN: Final = "LATIN"
_ASCII_TLD: Final = re.compile(r"(?:[A-Za-z]{2,24}|[Xx][Nn]--[A-Za-z0-9-]{2,59})\Z")
# Top-level domains in scripts without spaces (IANA root zone): where else an address would end cannot be seen.
_UNSPACED_TLDS: Final = tuple(
    re.findall(
        r"\S+",
        "中国 中國 中文网 公司 网络 網路 网址 网站 网店 商城 商店 商标 集团 我爱你 在线 移动 广告 广东 佛山 "
        "游戏 政务 政府 公益 慈善 机构 组织机构 信息 时尚 企业 娱乐 手机 招聘 健康 购物 食品 餐厅 大拿 家電 "
        "珠宝 通販 新闻 香港 台湾 台灣 澳門 新加坡 世界 みんな ストア セール コム クラウド ポイント ファッション "
        "คอม ไทย ລາວ",
    )
)
_IMAGE_SUFFIXES: Final = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "pdf", "css"})
# Behind other suffixes an opening bracket makes a call in a program of it.
_CALLABLE_TLDS: Final = frozenset({"com", "org", "net", "edu", "gov", "info"})

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# Four octets and nothing that would make them a version or a longer number: 1.2.3.4.5 and 3.1.4.15926 are left alone.
_IPV4: Final = re.compile(rf"(?<![A-Za-z0-9_.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?[A-Za-z0-9_])")
# Addresses of this machine and of private networks, masks, multicast and what is reserved; and four single digits,
# which are section numbers or public name servers.
_NOBODY: Final = re.compile(
    r"(?:0|10|127|22[4-9]|2[3-5]\d)\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\."
    r"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|(?:\d\.){3}\d$"
)
_NUMBERING: Final = re.compile(
    r"(?:\b(?:version|versión|versão|versione|versie|верси[яию]|версі[яії]|sürüm|release|build|firmware|v|ver|rev"
    r"|section|sect|chapter|art|article|paragraph|clause|rule|kapitel|abschnitt|kap)\b\.?|§|版本|バージョン|버전|รุ่น"
    r"|الإصدار|إصدار|نسخه|संस्करण|第)\s*$"
)
_IPV6: Final = re.compile(r"[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4})+(?:::)?(?![:.]?[0-9A-Za-z_])")
_MIN_IPV6_GROUPS: Final = 3  # with fewer, a year and a verse look the same


def emails(view: View) -> Iterator[Match]:
    """The address around the at sign of the view."""
    start = _name_start(view)
    end = _domain_end(view)
    if start is not None and end is not None and not goes_on(view.text, end):
        yield Match("email", start, end)


def _name_start(view: View) -> int | None:
    """Where the name before the at sign begins; null where there is none."""
    text = view.plain
    script, start = None, view.start
    # Digits before an ASCII domain belong to an ASCII name, even where a Chinese sentence runs into it.
    in_ascii = text[view.end : view.end + 1].isascii()
    while start > 0:
        character = text[start - 1]
        found = _script(character)
        if found is None and character not in _NAME_SIGNS:
            break
        if found:
            runs_in = script is None and start < view.start and in_ascii and found in _UNSPACED
            if script not in (None, found) or runs_in:
                break
            script = found
        start -= 1
    # A mark without its letter, and signs that open a quotation or a list, are no beginning.
    while start < view.start and not text[start].isalnum():
        start += 1
    doubled = text.rfind("..", start, view.start)
    start = start if doubled < 0 else doubled + 2
    name = view.text[start : view.start]
    if not name or len(name.encode()) > _MAX_NAME_BYTES:
        return None
    return None if script in _UNSPACED and len(name) > _MAX_UNSPACED_NAME else start


def _domain_end(view: View) -> int | None:
    """Where the domain behind the at sign ends; null where there is none."""
    text = view.plain
    labels: list[tuple[int, int]] = []
    start = view.end
    while True:
        end = _label_end(text, start)
        if end == start:
            break
        labels.append((start, end))
        if text[end : end + 1] != ".":
            break
        start = end + 1
    while len(labels) > 1:
        start, end = labels.pop()
        found = _top_level_end(text, start, end)
        if found is not None:
            return found
    return None


def _label_end(text: str, start: int) -> int:
    """Where the label of a domain that begins at `start` ends: letters of one script, digits and hyphens."""
    script, end = None, start
    while end < len(text):
        character = text[end]
        found = _script(character)
        if found is None and character not in "-\u200c\u200d":
            break
        if found:
            if script not in (None, found):
                break
            script = found
        end += 1
    while end > start and text[end - 1] in "-\u200c\u200d":
        end -= 1
    is_label = len(text[start:end].encode()) <= _MAX_LABEL_BYTES and text[start : start + 1] != "-"
    return end if is_label else start


def _top_level_end(text: str, start: int, end: int) -> int | None:
    """Where the top-level domain in text[start:end] ends; null if it is none."""
    label = text[start:end]
    if label.isascii():
        lower = label.lower()
        is_call = text[end : end + 1] == "(" and len(label) > 2 and lower not in _CALLABLE_TLDS
        if (
            _ASCII_TLD.match(label)
            and lower not in _IMAGE_SUFFIXES
            and not is_call
            and text[end : end + 1] != "_"
        ):
            return end
        return None
    known = [top for top in _UNSPACED_TLDS if label.startswith(top)]
    if known:
        return start + max(map(len, known))
    scripts = {_script(character) for character in label}
    is_word = all(unicodedata.category(character)[0] in "LM" for character in label)
    return end if is_word and len(label) > 1 and not scripts & _UNSPACED else None


def _script(character: str) -> str | None:
    """First word of the Unicode name of a letter; empty for digits and marks of any script; null for all else."""
    if character.isascii():
        return (_LATIN if character.isalpha() else "") if character.isalnum() else None
    return _script_beyond_ascii(character)


@lru_cache(maxsize=4096)
def _script_beyond_ascii(character: str) -> str | None:
    category = unicodedata.category(character)[0]
    if category in "MN":
        return ""
    if category != "L":
        return None
    return unicodedata.name(character, "OTHER").split(" ")[0].split("-")[0]


def ip_addresses(view: View) -> Iterator[Match]:
    """The addresses of version 4 that begin in the view's place."""
    for match in _IPV4.finditer(view.plain, view.start, min(len(view.plain), view.end + 2)):
        is_address = not (_NOBODY.match(match[0]) or _NUMBERING.search(view.before(match.start())))
        if is_address and not goes_on(view.text, match.end()):
            yield Match("ip_address", *match.span())


def ipv6_addresses(view: View) -> Iterator[Match]:
    """The address of version 6 that begins with the view's place."""
    match = _IPV6.match(view.plain, view.start)
    if not match or sum(map(bool, match[0].split(":"))) < _MIN_IPV6_GROUPS:
        return
    try:
        ipaddress.IPv6Address(match[0])
    except ValueError:
        return
    if not goes_on(view.text, match.end()):
        yield Match("ip_address", *match.span())
