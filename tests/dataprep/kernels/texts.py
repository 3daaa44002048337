"""Hypothesis strategies for text in many scripts, with the characters that break tokenisers."""

from hypothesis import strategies as st

LETTERS = (
    "aAzZéÉßİıſÇñ" "Σςσάώ" "ЖжЁРС" "مُحَمَّدٌ٣" "שָׁלוֹם" "नमस्तेक्षि१" "தமிழ்" "ที่กำลังผู้๑" "ລາວຳ່" "ខ្មែរ" "မြန်မာ"
    "漢字々〇" "かなカーｶﾞ゙" "한국ᄒ" "አማርኛ" "0١9½" "\u0301\u0308\ufe0f"
)  # fmt: skip
OTHERS = " \n\n\t\r\u00a0\u3000\x85\u200c\u200d'’.…!?。।؟።;{}#-*•«»\"”)」😀❤🔥€+\ufffd\ufeff\x00\u2028“œ±\u0420\u0421°Ã"

WORDS = (
    "the", "The", "lorem", "Ipsum", "don't", "rock’n’roll", "l'été", "année", "Straße", "می\u200cخواهم",
    "مُحَمَّد", "हिन्दी", "में",
    "क्\u200dष", "தமிழ்", "ที่", "กำลัง", "ខ្មែរ", "မြန်မာ", "ລາວ", "漢字", "かな", "カー", "한국어",
    "አማርኛ", "😀", "❤️\u200d🔥",
    "cookies", "Privacy", "policy", "JavaScript", "Terms", "of", "use", "http://a.b/c?d", "www.x", "WWW.", "ΟΔΟΣ", "İŞ",
    "Ã³", "ÃŸ", "â€", "Р°", "é»", "áš", "Ტ", "፡",
    "1️⃣", "3.14", "90's", "#tag", "...", "…", "{", "-", "•", "«", "»", "\n", "\n\n", " ", ".", "!", "。",
)  # fmt: skip

characters = st.text(st.sampled_from(LETTERS + OTHERS), max_size=60)
# A small vocabulary, so that lines and n-grams repeat.
sentences = st.builds(
    lambda words, separator: separator.join(words),
    st.one_of(
        st.lists(st.sampled_from(WORDS), max_size=50),
        st.lists(st.sampled_from((*WORDS[:6], "\n")), max_size=60),
    ),
    st.sampled_from([" ", "", "\n"]),
)
# Whole alphabets of one kind, so that documents of character units with enough of them are common.
character_runs = st.one_of(
    st.text(st.sampled_from("漢字かなカー。\n"), max_size=60),
    st.text(st.sampled_from("ที่กำลังผู้ "), max_size=60),
)
# Documents that repeat themselves, so that shingles and long n-grams do.
repetitions = st.builds(
    lambda text, times: text * times, st.one_of(sentences, character_runs), st.integers(2, 4)
)
texts = st.one_of(characters, sentences, character_runs, repetitions)
batches = st.lists(texts, max_size=6)
