"""Text in, its language out: English and undetermined texts are served, others are not.

Feedback is short, so a text counts as foreign only with real evidence: the script of most letters, foreign feedback words in
a short text, or confidence of py3langid while hardly any word is clearly English. Everything else is
English, or `und` if there is too little text.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

import spacy.lang

ENGLISH = "en"
UNDETERMINED = "und"

_MAX_CHARACTERS = 4000
_MIN_WORDS = 3
_FEW_WORDS = 4  # too few for py3langid: listed words decide
_ENGLISH_SHARE = 0.28  # share of clearly English words; about half of the words of an English text are
_KNOWN_SHARE = 0.5  # share of English words, including shared ones, above which a text is English
_SURE = 0.6
_LIKELY = 0.25
_STOP_WORD_SHARE = 0.25
_MIN_SCRIPT_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Language:
    """An ISO 639 code (`und` for too little text), and the confidence (0 to 1)."""

    code: str
    probability: float

    @property
    def is_served(self) -> bool:
        return self.code in {ENGLISH, UNDETERMINED}


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+|\[[A-Z]+\]|<[a-z]+>|\S*\d\S*|\b\w+(?:\.\w+)+\b")
_MAY_BE_NOISE = re.compile(r"(?<!\S)(?:[^\s@#\d\[<.:]++|\.(?!\S)|:(?!/))*+\S+")  # a run with a character that noise needs
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_MAY_BE_REPEATED = re.compile(r"(\w)\1\1")
_OTHER_SCRIPT = re.compile("[\u0370-\U0003ffff]")

# First and last code point of each script that is not Latin, and the language a text in it is taken for unless py3langid names
# another of the same script.
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0370, 0x03FF, "el"),
    (0x1F00, 0x1FFF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x077F, "ar"),
    (0x08A0, 0x08FF, "ar"),
    (0xFB1D, 0xFB4F, "he"),
    (0xFB50, 0xFEFF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"),
    (0x0B00, 0x0B7F, "or"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0D80, 0x0DFF, "si"),
    (0x0E00, 0x0E7F, "th"),
    (0x0E80, 0x0EFF, "lo"),
    (0x1000, 0x109F, "my"),
    (0x10A0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "ko"),
    (0x1200, 0x139F, "am"),
    (0x1780, 0x17FF, "km"),
    (0x3040, 0x30FF, "ja"),
    (0x31F0, 0x31FF, "ja"),
    (0x3130, 0x318F, "ko"),
    (0x3400, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
    (0xF900, 0xFAFF, "zh"),
    (0x20000, 0x3FFFF, "zh"),
)
_SHARED_SCRIPTS = {
    "ru": _words("ru uk bg sr mk be kk ky mn tg tt ba cv"),
    "ar": _words("ar fa ur ps ku ug sd ckb arz"),
    "hi": _words("hi mr ne sa bho mai"),
    "bn": _words("bn as"),
    "he": _words("he yi"),
    "am": _words("am ti"),
    "zh": _words("zh yue wuu lzh"),
}

_ENGLISH_LIKE = _words("en pcm sco jam zxx")
# Words of English feedback that are rare in other languages; left out are function words shared with one ("in", "was", "die")
# and loans ("app").
_PLAINLY_ENGLISH = _words(
    "the and of to you your yours that this these those with for have has had having not but they them their there where what when "
    "which who whom why how are were been being will would could should shall can't cannot can don't didn't doesn't isn't wasn't "
    "aren't won't wouldn't couldn't shouldn't haven't hasn't i'm i've i'd i'll it's its it you're you've we're we've they're that's "
    "there's what's let's he's she's she his him our ours us my mine myself from into onto about above after again against all any "
    "because before below between both by did does doing done down during each few further here if more most much many nor now off "
    "only other out own same some such than then through too under until up very while be get gets got getting give gave given go "
    "goes going gone went come came make made makes making take took taken say said says see saw seen know knew known think thought "
    "want wanted wants need needed needs try tried trying keep kept keeps let put tell told ask asked asking call called calling "
    "calls wait waited waiting waits work works worked working use used uses using pay paid paying buy bought buying order ordered "
    "ordering booked booking book cancel cancelled canceled charge charged return returned refund refunded help helped helping helps "
    "helpful find found finding love loved loves luv like liked likes hate hated hates feel felt thank thanks thx thnx ty please pls "
    "plz sorry hi hello hey yes yeah yep nope nothing none everything something anything someone everyone anyone nobody good great "
    "nice bad best better worst worse awesome amazing excellent terrible horrible awful poor lovely perfect wonderful brilliant "
    "fantastic happy sad angry easy hard difficult fast slow quick quickly slowly late early long short new old big small little "
    "first last next every day days week weeks month months year years hour hours minute minutes time times today yesterday tomorrow "
    "morning night always never ever still just really even also already almost enough quite well back away around without food room "
    "staff people customer customers money price prices cheap expensive value quality delivery delivered phone website site page "
    "login password update updates updated crash crashes crashed broken support team agent desk flight flights seat seats bag bags "
    "luggage driver ride store shop shopping product products company line answer answered question problem problems issue issues fix "
    "fixed way ways thing things lot lots one two three four five six seven eight nine ten another friendly rude polite clean dirty "
    "comfortable stop sucks suck crap shit fuck fucking damn lol omg wtf gr8 u ur r n't 're 've 'll cool wow clear simple user "
    "experience recommend recommended far so-so movie film story watch watching game games play plays playing funny boring dull "
    "interesting care caring hospital doctor nurse nurses appointment treatment car bus waste deal deals offer offers save saved free "
    "fee fees bank card cash open close closed opened left right sent send sending received receive arrived arrive leave leaving home "
    "house world life man's woman women girl kids child children family friend friends job look looks looking looked seems seem "
    "seemed since though although however unless whether able unable cause yet upon within"
)
_SHARED_ENGLISH = _words(
    "a i in is was on an as at he we me do so or no am if be by are can all man men app apps ok okay super top service hotel online email"
)
# Of the plainly English words those that are words of another language too: beside a listed one of it they say nothing.
_ELSEWHERE_TOO = _words(
    "horrible terrible excellent perfect simple brilliant cool best of film bus bank team support update updates login website site "
    "page line game shop shopping product problem agent question long cause minute minutes even over personal"
)
_ENGLISH_ALONE = _PLAINLY_ENGLISH - _ELSEWHERE_TOO
# What few words of feedback say in other languages: good, bad, thanks, nothing, service, delivery ... without accents too where they
# are often left out. None is a word, a usual slip or a name in English ("bra", "god", "heel", "nada", "prix", "cara"), but for the weak.
_FEEDBACK: dict[str, frozenset[str]] = {
    "de": _words(
        "sehr gut gute guter gutes schlecht schlechte schlechter schlechtes danke dankeschön schön vielen nicht nichts kein keine alles "
        "bestens einfach freundlich freundliche freundlicher unfreundlich zufrieden unzufrieden teuer günstig schnell schnelle langsam "
        "lieferung kundenservice kundendienst bedienung qualität leider immer wieder perfekt furchtbar schrecklich nie ja nein "
        "hervorragend ausgezeichnet empfehlenswert pünktlich"
    ),
    "fr": _words(
        "très bien merci beaucoup bon bonne mauvais mauvaise nul nulle parfait parfaite trop rien tout mal c'est je j'adore j'aime satisfait "
        "satisfaite déçu déçue livraison rapide produit qualité accueil recommande jamais toujours génial agréable efficace médiocre "
        "dommage déplorable oui bonjour"
    ),
    "es": _words(
        "muy bien bueno buena buenos buen mal malo pésimo pesimo pésima pesima servicio atención atencion gracias muchas todo excelente "
        "encanta encantó gusta gustó recomiendo caro rápido lento funciona producto calidad precio envío siempre nunca mejor peor "
        "increíble ninguno ninguna perfecta amables hola"
    ),
    "it": _words(
        "molto bene buono buona ottimo ottima ottimi pessimo pessima servizio grazie tutto niente nulla troppo caro cattivo consegna "
        "prodotto qualità prezzo veloce gentili consigliato perfetto sempre scarso eccellente"
    ),
    "pt": _words(
        "muito muita bom bem ótimo otimo ótima péssimo pessimo péssima ruim obrigado obrigada serviço atendimento tudo não gostei adorei "
        "recomendo caro excelente entrega produto qualidade preço rápido demora demorado sempre nunca"
    ),
    "nl": _words(
        "goed goede slecht slechte zeer tevreden niet niets geen je bedankt dankjewel alles prima duur goedkoop snel snelle traag "
        "levering klantenservice vriendelijk vriendelijke leuk mooi nooit altijd kwaliteit uitstekend helaas ja nee"
    ),
    "sv": _words(
        "mycket tack så dålig dåligt dåliga jättebra inte inget ingenting trevlig trevligt nöjd snabb snabbt leverans kundtjänst dyrt "
        "alltid aldrig utmärkt fungerar ja nej"
    ),
    "da": _words(
        "meget godt dårlig dårligt mange ikke intet ingenting rigtig hurtig hurtigt levering kundeservice venlig tilfreds dyrt altid "
        "aldrig fremragende virker ja nej"
    ),
    "no": _words(
        "veldig godt dårlig takk mange ikke ingenting kjempebra rask raskt levering kundeservice hyggelig fornøyd dyrt alltid aldri "
        "utmerket fungerer ja nei"
    ),
    "pl": _words(
        "bardzo dobrze dobry dobra dobre zły zła źle dziękuję dzięki polecam nie wszystko obsługa dostawa szybka szybko drogo świetny "
        "świetna świetnie miła zadowolony zadowolona jakość tak"
    ),
    "fi": _words("erittäin hyvä hyvää huono huonoa kiitos todella palvelu mitään nopea hidas kallis toimitus loistava"),
    "tr": _words("çok iyi güzel kötü teşekkürler teşekkür ederim berbat hizmet hizmeti hiçbir şey pahalı hızlı yavaş harika mükemmel"),
    "id": _words("sangat bagus buruk terima kasih pelayanan tidak mantap cepat lambat mahal aplikasi puas sekali"),
}
_WEAK = _words("gut bon tout mal buen caro bom prima tak")  # English words and names: they count where the whole text is so


def identify(text: str) -> Language:
    """Identify the language of `text`; the caller's hint is ignored.

    Args:
        text: clean or raw text of one verbatim.

    Returns:
        `en`, `und`, or the code of another language, which is not served.
    """
    words_only = _MAY_BE_NOISE.sub(_without_noise, text[:_MAX_CHARACTERS])
    lowered = words_only.lower().replace("’", "'")
    words = _WORD.findall(_REPEATED.sub(r"\1", lowered) if _MAY_BE_REPEATED.search(lowered) else lowered)
    if not words:
        return Language(UNDETERMINED, 0.0)
    if len(words) <= _FEW_WORDS and (few := _few(text[:_MAX_CHARACTERS], words)):
        return few
    english = _share(words, _PLAINLY_ENGLISH)
    if english >= 0.5:
        return Language(ENGLISH, round(0.5 + english / 2, 4))
    return _foreign_script(words_only, words) or _latin(words_only, words, english)


def _without_noise(run: re.Match[str]) -> str:
    return _NOISE.sub(" ", run.group())


def _share(words: list[str], listed: frozenset[str]) -> float:
    return sum(word in listed for word in words) / len(words)


def _few(text: str, words: list[str]) -> Language | None:
    """Another language if at least half of a few words are feedback words in it and none is clearly English."""
    if not _ENGLISH_ALONE.isdisjoint(words):
        return None
    runs = sum(any(map(str.isalpha, run)) for run in text.split())
    counts = {code: _weight(words, listed) for code, listed in _FEEDBACK.items()}
    most = max(counts.values())
    if not most or 2 * most < runs:
        return None
    likely = [code for code, count in counts.items() if count == most]
    code = likely[0] if len(likely) == 1 else next(code for code, _ in _rank(text) if code in likely)
    return Language(code, round(most / max(runs, most), 4))


def _weight(words: list[str], listed: frozenset[str]) -> int:
    """Number of listed words; weak ones count only if every word is in some list."""
    found = [word for word in words if word in listed]
    is_whole = all(word in listed or word in _ELSEWHERE_TOO or word in _SHARED_ENGLISH for word in words)
    return sum(is_whole or word not in _WEAK for word in found)


def _foreign_script(text: str, words: list[str]) -> Language | None:
    """The language of another script if most letters are in it."""
    if not _OTHER_SCRIPT.search(text):
        return None
    letters = [character for character in text if character.isalpha()]
    scripts = Counter(code for character in letters if (code := _script(character)))
    foreign = sum(scripts.values())
    if foreign < _MIN_SCRIPT_LETTERS or 2 * foreign <= len(letters):
        return None
    code = "ja" if scripts["ja"] else scripts.most_common(1)[0][0]
    named, probability = _rank(text)[0]
    is_named = named in _SHARED_SCRIPTS.get(code, ()) and probability >= 0.5
    return Language(named if is_named else code, round(foreign / len(letters), 4))


def _script(character: str) -> str | None:
    if character < "\u0370":
        return None
    point = ord(character)
    return next((code for first, last, code in _SCRIPTS if first <= point <= last), None)


def _latin(text: str, words: list[str], english: float) -> Language:
    known = english + _share(words, _SHARED_ENGLISH)
    if english >= _ENGLISH_SHARE and known >= _KNOWN_SHARE:
        return Language(ENGLISH, round(min(known, 1.0), 4))
    ranked = _rank(text)
    code, probability = ranked[0]
    if code not in _ENGLISH_LIKE and english < _ENGLISH_SHARE and _is_evident(words, code, probability, english):
        return Language(code, round(probability, 4))
    sure = max(dict(ranked).get(ENGLISH, 0.0), known)
    return Language(ENGLISH if sure >= _KNOWN_SHARE else UNDETERMINED, round(min(sure, 1.0), 4))


def _is_evident(words: list[str], code: str, probability: float, english: float) -> bool:
    """Enough words, and py3langid is confident, or fairly so and confirmed by function words of that language."""
    if len(words) < _MIN_WORDS:
        return False
    stop_words = _share(words, _stop_words(code))
    return stop_words > english and (probability >= _SURE or (probability >= _LIKELY and stop_words >= _STOP_WORD_SHARE))


def _rank(text: str) -> list[tuple[str, float]]:
    ranked: list[tuple[str, float]] = _identifier().rank(text.lower())
    return ranked


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Loaded on first use (about a quarter of a second)."""
    return import_module("py3langid.langid").LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)


@lru_cache(maxsize=256)
def _stop_words(code: str) -> frozenset[str]:
    """spaCy's stop words of a language, without possibly English ones; empty if it has none.

    Only the word list is imported: importing the language itself takes seconds.
    """
    path = Path(spacy.lang.__path__[0], "nb" if code == "no" else code, "stop_words.py")
    listed = run_path(str(path))["STOP_WORDS"] if path.is_file() else ()
    return frozenset(word.lower() for word in listed) - _PLAINLY_ENGLISH - _SHARED_ENGLISH
