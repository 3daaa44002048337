"""Identity numbers of persons, as states give them, where a check digit or a rare form tells them from other numbers.

One row per number. It is accepted if it is valid and, moreover, one of these holds: its form is unmistakable, so that
hardly another number is written that way; the document is in a language of the country, where the form is usual; or a
word right before it names it. Validity is checked by `python-stdnum`, which cites the laws, except where its check
depends on today's date: a corpus must not change with the day on which it is made.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from stdnum import ean, luhn
from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.id import nik
from stdnum.ie import pps
from stdnum.in_ import aadhaar
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.mx import curp
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.ro import cnp
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.ua import rntrc
from stdnum.us import ssn

from dataprep.annotate.privacy.numbers import Number, stands_alone, word_pattern
from dataprep.annotate.privacy.view import Match, View, goes_on

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class NationalId:
    """A number of one country.

    Attributes:
        country: ISO 3166-1 code.
        is_valid: whether digits (and letters) without separators are such a number.
        unmistakable: shapes accepted anywhere (see `numbers.Number`), separated by commas.
        usual: shapes accepted in documents of `locales`.
        named: shapes accepted behind one of `words`, besides all others.
        locales: languages of the country.
        words: what names the number, in lower case (see `word_pattern`).
    """

    country: str
    is_valid: Check
    unmistakable: str = ""
    usual: str = ""
    named: str = ""
    locales: str = ""
    words: str = ""
    pattern: re.Pattern[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.words:
            object.__setattr__(self, "pattern", word_pattern(self.words))

    def accepts(self, view: View, start: int, digits: str, shape: str) -> bool:
        """Whether the number that begins at `start` is one of these."""
        if not self.is_valid(digits):
            return False
        if shape in self.unmistakable.split(",") or (
            shape in self.usual.split(",") and view.locale.partition("-")[0] in self.locales.split()
        ):
            return True
        return self.pattern is not None and self.pattern.search(view.before(start)) is not None


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= (29, 30, 31)[_LONGEST[int(month) - 1]]


_LONGEST: Final = (2, 0, 2, 1, 2, 1, 2, 2, 1, 2, 1, 2)  # index of the days of each month, leap years allowed


def _belgian(digits: str) -> bool:
    """Rijksregisternummer: modulo 97, for those born from 2000 on with a 2 before (Royal Decree of 3 April 1984)."""
    body, check = int(digits[:9]), 97 - int(digits[9:])
    return body > 0 and check in (body % 97, (2_000_000_000 + body) % 97) and int(digits[2:4]) <= 12


def _danish(digits: str) -> bool:
    """CPR number: a date; since 2007 numbers are given whose check digit does not fit."""
    return _is_day(digits[2:4], digits[:2])


def _norwegian(digits: str) -> bool:
    """Fødselsnummer and D-number: two check digits and a date, with 40 added to the day of D-numbers."""
    day = int(digits[:2])
    return (
        digits[-2] == fodselsnummer.calc_check_digit1(digits)
        and digits[-1] == fodselsnummer.calc_check_digit2(digits)
        and _is_day(f"{int(digits[2:4]) % 40:02d}", f"{day % 40:02d}")
    )


def _swedish(digits: str) -> bool:
    """Personnummer and coordination number: Luhn and a date, with 60 added to the day of coordination numbers."""
    short = digits[-10:]
    century = digits[:-10] in ("", "18", "19", "20")
    return century and _is_day(short[2:4], f"{int(short[4:6]) % 60:02d}") and luhn.is_valid(short)


def _korean(digits: str) -> bool:
    """Resident registration number; the check digit is random since October 2020, but the date and sex remain."""
    return _is_day(digits[2:4], digits[4:6]) and digits[6] in "12345678" and int(digits[7:9]) <= 96


def _korean_checked(digits: str) -> bool:
    return _korean(digits) and digits[-1] == rrn.calc_check_digit(digits[:-1])


def _south_african(digits: str) -> bool:
    return _is_day(digits[2:4], digits[4:6]) and digits[10] in "012" and luhn.is_valid(digits)


def _russian(digits: str) -> bool:
    """SNILS: weighted sum modulo 101 (order of the Pension Fund of Russia of 2006)."""
    total = sum(int(digit) * weight for digit, weight in zip(digits[:9], range(9, 0, -1), strict=True))
    return int(digits[:9]) > 1_001_998 and total % 101 % 100 == int(digits[9:])


def _iranian(digits: str) -> bool:
    """National code: weighted sum modulo 11."""
    rest = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return len(set(digits)) > 1 and int(digits[9]) == (rest if rest < 2 else 11 - rest)


def _emirati(digits: str) -> bool:
    return digits.startswith(("78419", "78420")) and luhn.is_valid(digits)


def _saudi(digits: str) -> bool:
    return digits[0] in "12" and luhn.is_valid(digits)


def _israeli(digits: str) -> bool:
    return int(digits) > 0 and luhn.is_valid(digits)


def _swiss(digits: str) -> bool:
    return digits.startswith("756") and ean.is_valid(digits)


def _french(digits: str) -> bool:
    """NIR: sex, year, month, place, modulo 97 (INSEE)."""
    return digits[0] in "123478" and int(digits[3:5]) not in (0, 13, 14, 15) and nir.is_valid(digits)


def _argentine(digits: str) -> bool:
    return digits[:2] in ("20", "23", "24", "25", "26", "27") and cuit.is_valid(digits)


def _brazilian(digits: str) -> bool:
    return len(set(digits)) > 1 and cpf.is_valid(digits)


def _chinese(digits: str) -> bool:
    """Resident identity number (GB 11643-1999). Of a division that its table has no county of, the library raises."""
    try:
        return ric.is_valid(digits)
    except KeyError:
        return False


def _repeats(is_valid: Check) -> Check:
    """The check, but not for one digit throughout, which weak check digits let pass."""
    return lambda digits: len(set(digits)) > 1 and is_valid(digits)


NATIONAL_IDS: Final = (
    NationalId("AE", _emirati, unmistakable="3-4-7-1", named="15", words="emirates_id هوية"),
    NationalId("AR", _argentine, unmistakable="2-8-1", named="11", words="cuil cuit"),
    NationalId(
        "AT",
        vnr.is_valid,
        named="4 6,10,4-6",
        words="sv-nummer svnr sv-nr versicherungsnummer sozialversicherungsnummer",
    ),
    NationalId("AU", _repeats(tfn.is_valid), named="9,3 3 3", words="tfn tax_file_number"),
    NationalId(
        "BE",
        _belgian,
        unmistakable="2.2.2-3.2",
        named="11,6-3-2,6 3 2,2.2.2.3-2",
        words="rijksregisternummer rijksregister registre_national numéro_national insz niss rrn",
    ),
    NationalId("BG", egn.is_valid, usual="10", locales="bg", words="егн"),
    NationalId("BR", _brazilian, unmistakable="3.3.3-2", usual="11", named="9-2", locales="pt", words="cpf"),
    NationalId(
        "CA",
        _repeats(sin.is_valid),
        named="9,3 3 3,3-3-3",
        words="sin nas social_insurance_number assurance_sociale",
    ),
    NationalId("CH", _swiss, unmistakable="3.4.4.2", named="13", words="ahv avs oasi"),
    NationalId("CL", rut.is_valid, unmistakable="2.3.3-1", named="9,8-1,1.3.3-1,7-1", words="rut run"),
    NationalId("CN", _chinese, unmistakable="18", named="6 8 4"),
    NationalId("CZ", rc.is_valid, usual="6/4", named="10", locales="cs sk", words="rodné_číslo r.č rč"),
    NationalId(
        "DE",
        idnr.is_valid,
        usual="2 3 3 3",
        named="11",
        locales="de",
        words="idnr id-nr steuer-id steuerid identifikationsnummer steueridentifikationsnummer tin",
    ),
    NationalId(
        "DK", _danish, usual="6-4", named="10,6 4", locales="da", words="cpr cpr-nr cpr-nummer personnummer"
    ),
    NationalId("EE", ik.is_valid, usual="11", locales="et", words="isikukood"),
    NationalId("FI", hetu.is_valid, usual="6-4", locales="fi", words="henkilötunnus hetu sotu"),
    NationalId(
        "FR",
        _french,
        unmistakable="1 2 2 2 3 3 2",
        usual="15",
        named="13 2",
        locales="fr",
        words="sécurité_sociale sécu nir insee immatriculation",
    ),
    NationalId("GB", _repeats(nhs.is_valid), named="10,3 3 4,3-3-4", words="nhs nhs_number nhs_no"),
    NationalId("GR", amka.is_valid, usual="11", locales="el", words="αμκα α.μ.κ.α amka"),
    NationalId("HR", _repeats(oib.is_valid), named="11", words="oib"),
    NationalId("ID", nik.is_valid, named="16", words="nik ktp nomor_induk_kependudukan"),
    NationalId("IL", _israeli, named="9,8-1", words="ת.ז תז ת״ז זהות"),
    NationalId(
        "IN",
        aadhaar.is_valid,
        usual="4 4 4",
        named="12,4-4-4",
        locales="hi mr bn ta te gu ml kn pa",
        words="aadhaar aadhar uidai uid आधार আধার ஆதார் ఆధార్ આધાર ആധാർ ಆಧಾರ್ ਆਧਾਰ",
    ),
    NationalId("IR", _iranian, named="10,3-6-1", words="کد_ملی کدملی شماره_ملی"),
    NationalId("IS", kennitala.is_valid, usual="6-4", named="10", locales="is", words="kennitala kt"),
    NationalId("JP", my_number.is_valid, named="12,4 4 4,4-4-4", words="マイナンバー 個人番号"),
    NationalId("KR", _korean_checked, unmistakable="6-7"),
    NationalId("KR", _korean, usual="6-7", named="13", locales="ko", words="주민등록번호 주민번호"),
    NationalId("LT", asmens.is_valid, usual="11", locales="lt", words="asmens_kodas"),
    NationalId(
        "LV", pvn.is_valid, usual="6-5", named="11", locales="lv", words="personas_kods personas_kodu"
    ),
    NationalId(
        "MY", nric.is_valid, usual="6-2-4", named="12", locales="ms", words="mykad nric kad_pengenalan ic"
    ),
    NationalId(
        "NL", bsn.is_valid, named="9,3 3 3,3.3.3,4.2.3", words="bsn burgerservicenummer sofinummer sofi"
    ),
    NationalId(
        "NO",
        _norwegian,
        usual="11,6 5",
        locales="no",
        words="fødselsnummer fødselsnr personnummer d-nummer",
    ),
    NationalId("PK", cnic.is_valid, usual="5-7-1", locales="ur", words="cnic nicop شناختی"),
    NationalId("PL", pesel.is_valid, usual="11", locales="pl", words="pesel"),
    NationalId("RO", cnp.is_valid, usual="13", locales="ro", words="cnp"),
    NationalId("RS", emso.is_valid, usual="13", locales="sr hr sl", words="jmbg јмбг emšo матични_број"),
    NationalId("RU", _russian, unmistakable="3-3-3 2,3-3-3-2", named="11", words="снилс"),
    NationalId("SA", _saudi, named="10", words="هوية الهوية إقامة الإقامة"),
    NationalId(
        "SE", _swedish, usual="6-4,8-4", named="10,12", locales="sv", words="personnummer personnr pnr"
    ),
    NationalId(
        "TH", pin.is_valid, unmistakable="1-4-5-2-1,1 4 5 2 1", usual="13", locales="th", words="ประชาชน"
    ),
    NationalId(
        "TR", tckimlik.is_valid, usual="11", locales="tr", words="tckn tc_kimlik t.c._kimlik kimlik_no tc_no"
    ),
    NationalId("UA", rntrc.is_valid, named="10", words="іпн рнокпп инн"),
    NationalId(
        "US", ssn.is_valid, usual="3-2-4", named="9,3 2 4", locales="en es", words="ssn social_security"
    ),
    NationalId(
        "ZA",
        _south_african,
        named="13,6 4 3",
        words="id id_number identity_number id-nommer identiteitsnommer",
    ),
)

# Numbers with letters in them: a pattern of the whole, to be matched in capitals.
CODES: Final = (
    (re.compile(r"[0-9]{8}[ .-]?[A-Z]|[0-9]{2}\.[0-9]{3}\.[0-9]{3}[ .-]?[A-Z]"), NationalId(
        "ES", dni.is_valid, usual="code", locales="es ca eu", words="dni nif d.n.i n.i.f")),
    (re.compile(r"[XYZ][ .-]?[0-9]{7}[ .-]?[A-Z]"), NationalId(
        "ES", nie.is_valid, usual="code", locales="es ca eu", words="nie n.i.e nif")),
    (re.compile(r"[0-9]{6}[-+A-FUVWXY][0-9]{3}[0-9A-Y]"), NationalId("FI", hetu.is_valid, unmistakable="code")),
    (re.compile(r"[1-478][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?2[AB][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}"), NationalId(
        "FR", nir.is_valid, unmistakable="code")),
    (re.compile(r"[A-Z]{6}[0-9A-Z]{2}[A-EHLMPR-T][0-9A-Z]{2}[A-Z][0-9A-Z]{3}[A-Z]"), NationalId(
        "IT", codicefiscale.is_valid, unmistakable="code")),
    (re.compile(r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]"), NationalId("MX", curp.is_valid, unmistakable="code")),
    (re.compile(r"[0-9]{17}X"), NationalId("CN", _chinese, unmistakable="code")),
    (re.compile(r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-K"), NationalId(
        "CL", rut.is_valid, unmistakable="code")),
    (re.compile(r"[0-9]{7}[A-W][A-IW]?"), NationalId("IE", pps.is_valid, named="code", words="pps ppsn pps_number")),
)  # fmt: skip
_BEFORE_CODE: Final = (
    14  # how far before a place a code may begin; FR 1 85 05 2A, of which the place is the rest
)
_SIGNS: Final = str.maketrans("", "", " .")


def _by_shape() -> dict[str, list[NationalId]]:
    table: dict[str, list[NationalId]] = defaultdict(list)
    for each in NATIONAL_IDS:
        for shape in ",".join((each.unmistakable, each.usual, each.named)).split(","):
            if shape:
                table[shape].append(each)
    return dict(table)


_BY_SHAPE: Final = _by_shape()


def is_national_id(view: View, number: Number) -> bool:
    """Whether the number is the identity number of a person."""
    candidates = _BY_SHAPE.get(number.shape)
    if candidates is None or not stands_alone(view, number.start, number.end):
        return False
    return any(each.accepts(view, number.start, number.digits, number.shape) for each in candidates)


def national_codes(view: View) -> Iterator[Match]:
    """Identity numbers with letters in them, in or around the view's place."""
    capitals = view.plain.upper() if view.plain.isascii() else _upper(view.plain)
    first = max(0, view.start - _BEFORE_CODE)
    for pattern, each in CODES:
        for match in pattern.finditer(capitals, first, min(len(capitals), view.end + 4)):
            start, end = match.span()
            if end <= view.start or not _is_whole(capitals, start, end):
                continue
            number = match[0].translate(_SIGNS)
            accepted = each.accepts(
                view, start, number if each.country == "FI" else number.replace("-", ""), "code"
            )
            if accepted and not goes_on(view.text, end):
                yield Match("national_id", start, end)


def _upper(text: str) -> str:
    """ASCII letters in capitals, so that places stay where they are."""
    return text.translate(_CAPITALS)


_CAPITALS: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _is_whole(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (
        (before.isascii() and (before.isalnum() or before in ("_", "-", "/", "."))) and before
    ) and not ((after.isascii() and (after.isalnum() or after == "_")) and after)
