"""Words of a text in the form in which recall compares them: folded, so that the forms of a word are equal.

All languages apply at once, since people mix them and a short text does not show its language. A fold need not be a
word: it must only be the same for "booked", "booking" and "books". Not here: scores (recall.py), dates (dates.py).
Threads: any; pure.
"""

import re
import unicodedata
from functools import lru_cache

# Letters and digits of any script. An apostrophe ends a word, so that "Anna's" holds "anna".
_WORD = re.compile(r"[^\W_]+")
# Scripts without blanks between words: their texts are compared by pairs of signs.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]+")
_MARKS = "Mn"
# Characters of a word that count; longer ones are no words that anybody asks for.
_MAX_CHARS = 40
# Words of a text that are indexed: a segment of Omi has 10 to 50.
MAX_WORDS = 2_000

# Words without a meaning of their own, by language: English, German, Spanish, French.
_STOP = (
    (
        "a an the and or but if then so of to in on at by for from with about into over after before as is are was were"
        " be been being am do does did doing done have has had having i me my mine you your yours he him his she her"
        " hers it its we us our ours they them their theirs this that these those there here what which who whom whose"
        " when where why how not no yes can could will would shall should may might must just also too very really much"
        " many some any all each other than now up down out off again more most s t d ll m re ve don didn isn wasn"
        " aren doesn haven hadn won wouldn couldn tell say says said saying talk talked talking mention mentioned"
        " remember remind know let please hey hi hello okay ok yeah oh um uh well like get got"
    ),
    (
        "der die das den dem des ein eine einer eines einem einen und oder aber wenn dann so von zu in im am an auf bei"
        " fur mit uber nach vor aus als ist sind war waren sein bin bist gewesen wird werden wurde wurden habe hast hat"
        " haben hatte hatten ich mich mir mein meine meinen meinem meiner du dich dir dein deine deinen er ihn ihm sie"
        " ihr ihre ihren es wir uns unser unsere man dies diese dieser dieses diesem diesen da dort hier was welche"
        " welcher welches wer wen wem wann wo wohin warum wie nicht kein keine keinen nein ja kann konnte will wollte"
        " soll sollte muss musste darf nur auch sehr viel viele noch schon mal zum zur vom beim sich dass ob doch denn"
        " eigentlich sag sage sagen sagte gesagt erzahlt erzahlen erzahlte erwahnt weisst weiss bitte hallo gab gibt"
        " uns um bis ins"
    ),
    (
        "el la los las un una unos unas y o pero si de del al a en con por para sobre sin como es son era eran fue"
        " fueron ser estar esta estaba estan he ha has hemos han habia yo me mi mis mio tu tus te su sus se le les lo"
        " nos nuestro nuestra que quien quienes cual cuales cuando donde adonde cuanto cuanta cuantos cuantas no ya muy"
        " mas menos tambien solo este esta estos estas ese esa eso aquel aquella aqui alli hay puede puedo quiero"
        " tengo tiene tenia dije dijo decir dicho hablamos hablar hable conto contar recuerdas recuerda sabes hola oye"
        " hacer hice hizo hace iba"
    ),
    (
        "le la les un une des du de et ou mais si au aux en dans sur avec pour par sans comme est sont etait etre ai as"
        " a avons avez ont avait je me moi mon ma mes tu te toi ton ta tes il elle lui son sa ses on nous notre nos"
        " vous votre vos ils elles leur se ce cet cette ces ca que qui quoi quand comment pourquoi quel quelle quels"
        " quelles ne pas non oui plus tres aussi bien fait faire dit dire parle parler rappelle y l d j m n s c qu"
    ),
)
# Irregular forms, each row with the form that stands for all. English, German, Spanish.
_FORMS = (
    (
        "go goes went gone|buy bought|bring brought|think thought|catch caught|teach taught|sell sold|find found|"
        "leave left|lose lost|meet met|pay paid|send sent|spend spent|build built|keep kept|sleep slept|feel felt|"
        "eat ate eaten|drink drank drunk|drive drove driven|write wrote written|give gave given|take took taken|"
        "see saw seen|speak spoke spoken|break broke broken|choose chose chosen|forget forgot forgotten|win won|"
        "begin began begun|come came|become became|run ran|swim swam swum|fly flew flown|grow grew grown|"
        "wear wore worn|steal stole stolen|fall fell fallen|hear heard|hold held|stand stood|understand understood|"
        "make made|ride rode ridden|rise rose risen|draw drew drawn|throw threw thrown|lend lent|borrow|owe|hide hid|"
        "child children|person people|man men|woman women|wife wives|knife knives|foot feet|tooth teeth|mouse mice"
    ),
    (
        "gehen geht ging gingen gegangen|kommen kommt kam kamen gekommen|nehmen nimmt nahm nahmen genommen|"
        "geben gegeben|finden fand fanden gefunden|bringen brachte brachten gebracht|denken dachte gedacht|"
        "kennen kannte gekannt|fahren fahrt fuhr fuhren gefahren|essen isst ass assen gegessen|trinken trank tranken"
        " getrunken|schreiben schrieb schrieben geschrieben|lesen liest las gelesen|sehen sieht sah sahen gesehen|"
        "sprechen spricht sprach gesprochen|treffen trifft traf trafen getroffen|vergessen vergisst vergass|"
        "verlieren verlor verloren|gewinnen gewann gewonnen|schlafen schlief geschlafen|laufen lief gelaufen|"
        "fliegen flog geflogen|leihen lieh liehen geliehen|ziehen zog zogen gezogen|bleiben blieb geblieben|"
        "helfen hilft half geholfen|werfen warf geworfen|beginnen begann begonnen|brechen brach gebrochen|"
        "schneiden schnitt geschnitten|steigen stieg gestiegen|verstehen verstand|tragen trug getragen|"
        "umziehen umgezogen|anrufen angerufen rief|abholen abgeholt|einladen eingeladen|mitbringen mitgebracht"
    ),
    (
        "ir voy va vamos van fui fuimos ido|venir vengo viene vino venido|traer traigo trajo traje traido|"
        "poner pongo puso puse puesto|ver veo vio visto|dar doy dio dado|decidir|pedir pido pidio|dormir duermo durmio|"
        "perder pierdo perdi|volver vuelvo volvio vuelto|romper rompio roto|escribir escrito|abrir abierto|jugar juego"
        " jugo|contar cuento|costar cuesta costo|conseguir consigo consiguio|empezar empiezo empezo|elegir elijo eligio"
    ),
)


def _rows(text: str) -> list[list[str]]:
    return [row.split() for row in text.split("|")]


STOP_WORDS = frozenset(word for language in _STOP for word in language.split())
_IRREGULAR = {form: row[0] for language in _FORMS for row in _rows(language) for form in row}
# Endings with the characters that must stay before them, the longest first; English, German and Spanish together.
_ENDINGS = tuple(
    sorted(
        (
            (ending, stay)
            for stay, endings in (
                (3, "ing ings ed es s en ern em er ers os as ado ada ados adas ido ida idos idas ando iendo e o a i y"),
                (3, "amos emos imos aron ieron aban aba ar ir te ten ment ments"),
                (4, "ly ness ung ungen heit keit lich liche lichen cion ciones mente"),
            )
            for ending in endings.split()
        ),
        key=lambda one: -len(one[0]),
    )
)
# Endings are cut off three times: "parties" loses "es", then "i"; "bookings" loses "s", then "ing".
_CUTS = 3
_MIN_CHARS = 4
# A German participle: "gebucht", "gekauft", "gelaufen".
_PARTICIPLE = re.compile(r"ge([^\Wi].{2,})(?:t|en)")


def split_words(text: str) -> list[str]:
    """Return the words of a text, in lower case and without accents; of unspaced scripts the pairs of signs."""
    words: list[str] = []
    for word in _WORD.findall(strip_accents(text)):
        if _UNSPACED.search(word):
            words += _split_unspaced(word)
        else:
            words.append(word[:_MAX_CHARS])
        if len(words) >= MAX_WORDS:
            break
    return words


def strip_accents(text: str) -> str:
    """Return a text in lower case without accents."""
    lowered = text.casefold()
    if lowered.isascii():
        return lowered
    bare = (char for char in unicodedata.normalize("NFKD", lowered) if unicodedata.category(char) != _MARKS)
    return unicodedata.normalize("NFC", "".join(bare))


def _split_unspaced(word: str) -> list[str]:
    found: list[str] = []
    end = 0
    for match in _UNSPACED.finditer(word):
        if match.start() > end:
            found.append(word[end : match.start()])
        signs, end = match[0], match.end()
        found += [signs[at : at + 2] for at in range(max(1, len(signs) - 1))]
    return [*found, word[end:]] if end < len(word) else found


@lru_cache(maxsize=65_536)
def fold_word(word: str) -> str:
    """Return the fold of a word that has no accents: the same for all its forms, as far as endings show."""
    known = _IRREGULAR.get(word)
    if known is not None:
        word = known
    participle = _PARTICIPLE.fullmatch(word)
    if participle is not None:
        word = participle[1]
    for _ in range(_CUTS):
        cut = _cut_ending(word)
        if cut == word:
            break
        word = cut
    if len(word) >= _MIN_CHARS and word[-1] == word[-2]:
        return word[:-1]
    return word


def _cut_ending(word: str) -> str:
    if len(word) < _MIN_CHARS or not word.isalpha():
        return word
    for ending, stay in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= stay:
            return word[: -len(ending)]
    return word


def fold_text(text: str) -> list[str]:
    """Return the folds of a text's words without stop words, in their order; a word that comes twice is there twice."""
    return [fold_word(word) for word in split_words(text) if word not in STOP_WORDS]
