"""What machines write where nobody meant a value, and what nobody can see: lists, each with its source. Pure.

Only whole texts are compared: "NULL-42" and "None of the above" are somebody's own words.
"""

import re

# https://en.wikipedia.org/wiki/Whitespace_character#Unicode, as str.isspace has it.
_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# Written as a space, and looks like one: https://www.unicode.org/reports/tr14/#GL
_NO_BREAK = "\xa0\u2007\u202f"
# Between letters of Persian or Hindi, and between the parts of an emoji, they change what is seen:
# https://www.unicode.org/reports/tr31/#Layout_and_Format_Control_Characters
_JOINERS = "\u200c\u200d"
# Default_Ignorable_Code_Point but for the variation selectors, which belong to emoji, and the joiners above; and the
# control characters that are no space: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
_UNSEEN = (
    "".join(map(chr, (*range(9), *range(0x0E, 0x1C), *range(0x7F, 0x85), *range(0x86, 0xA0))))
    + "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff\uffa0"
)
INVISIBLE = _UNSEEN + _JOINERS + _NO_BREAK
_AROUND = INVISIBLE + _SPACE
_INSIDE = re.compile(
    f"[{_UNSEEN}{_NO_BREAK}\u2028\u2029]|(?<=[\\x00-\\x7f])[{_JOINERS}]|[{_JOINERS}](?=[\\x00-\\x7f])",
)

# How tools write that there is no value: SQL, JSON and C#, Python (None, nan, NaT), JavaScript, R and pandas
# (https://pandas.pydata.org/docs/user_guide/io.html#na-values), Ruby and Go, PostgreSQL's COPY and MySQL's OUTFILE
# (\N), database viewers, pivot tables.
_NOTHING = r"""
null none nil nan nat na n/a undefined dbnull <na> <null> <none> <nil> <empty> <blank> (null) (none) (nil) (empty)
(blank) [null] [none] [empty] [blank] {null} \n -nan +nan 1.#qnan -1.#qnan 1.#ind -1.#ind
"""
NOTHING = frozenset(_NOTHING.split())
_LONGEST_NOTHING = max(map(len, NOTHING))

# The errors of formulas, those of Excel: https://learn.microsoft.com/javascript/api/excel/excel.errorcellvaluetype; in
# its other languages as EPPlus (InternationalizationUtility) and HyperFormula list them:
# https://github.com/handsontable/hyperformula/tree/master/src/i18n/languages. Google Sheets adds #ERROR!; LibreOffice
# writes the same, and the numbered ones below: https://help.libreoffice.org/latest/en-US/text/scalc/05/02140000.html
_ERRORS = """
#null! #div/0! #value! #ref! #name? #num! #n/a #n/a! #na #getting_data #spill! #calc! #field! #connect! #blocked!
#unknown! #external! #busy! #python! #timeout! #error! #cycle! #all! #macro? #placeholder!
#wert! #bezug! #zahl! #nv #überlauf! #kalk! #feld! #blockiert! #verbinden! #unbekannt! #daten_abrufen
#nul! #valeur! #nom? #nombre! #propagation! #deversement! #calcul! #champ! #bloque! #connexion! #inconnu!
#obtention_donnees #chargement_donnees
#¡nulo! #¡div/0! #¡valor! #¡ref! #¿nombre? #¡num! #n/d #¡desbordamiento! #¡calc! #¡campo! #¡bloqueado! #¡desconocido!
#nombre? #desbordamiento! #obteniendo_datos
#nullo! #valore! #rif! #nome? #espansione! #campo! #recupero_dati
#nulo! #valor! #núm! #despejar! #dispersão! #calcular! #obtendo_dados
#leeg! #deel/0! #waarde! #verw! #naam? #getal! #n/b #overloop! #berekenen! #gegevens_ophalen
#division/0! #værdi! #reference! #navn? #i/t #overløb! #verdi! #overflyt! #henter_data
#skärning! #värdefel! #referens! #namn? #ogiltigt! #saknas! #expansion! #hämtar_data
#tyhjä! #jako/0! #arvo! #viittaus! #nimi? #luku! #puuttuu! #noudetaan_tietoja
#zero! #puste! #dziel/0! #arg! #adr! #nazwa? #liczba! #n/d! #rozlanie! #pobieranie_danych
#dělení_nulou! #hodnota! #odkaz! #název? #číslo! #není_k_dispozici #přesah! #získávání_dat
#neplatný! #delenienulou! #delenie_nulou! #názov? #nedostupný #nedostupné #získavajú_sa_údaje
#nulla! #zéróosztó! #érték! #hiv! #név? #szám! #hiányzik #kibontás! #adatok_bekérése
#пусто! #дел/0! #знач! #ссылка! #имя? #число! #н/д #перенос! #вычисл! #получение_данных
#boş! #sayı/0! #sayi/0! #değer! #başv! #ad? #sayı! #sayi! #yok #taşma!
#vrijednost! #broj! #dij/0! #naziv? #valoare! #nume? #nič! #vredn! #štev! #del/0! #ime? #n/v #sklic!
#τιμη! #αριθ! #διαιρ./0! #ονομα? #δ/υ #αναφ! #κενο!
"""  # noqa: RUF001 (words of these languages)
ERRORS = frozenset(_ERRORS.split())
_ERROR = 'is "{}", the error of a formula in a spreadsheet: correct the formula in its cell'
_NUMBERED_ERROR = re.compile(r"(?:err|fehler|erreur|errore|erro|fout|fel|feil|fejl|błąd|chyba|hiba|ошибка|hata):5\d\d")
# What Excel writes into a CSV file where a column is too narrow for a date.
_TOO_NARROW = re.compile("#{3,}")
# Excel writes a sign and two digits, Java neither, but only from 10^7 on:
# https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html#toString(double)
_ROUNDED = re.compile(
    r"[+-]?\d(?:[.,]\d+)?e\+\d{2,3}|[+-]?\d[.,]\d+e(?:-\d{2,3}|[7-9]|[1-9]\d{1,2})", re.ASCII | re.IGNORECASE
)
_LONGEST_NUMBER = 30  # Of any program; most ids are longer.
# An object or a list that a program put where a text belongs, and a place in a template that nobody has filled in:
# JavaScript, .NET and PowerShell; flows, Handlebars and JavaScript.
_UNFILLED_BEGIN = ("[object ", "System.", "@{", "{{", "${")
_UNFILLED = re.compile(r"\[object \w+\]|System\.[A-Z][\w.`]*(?:\[.*\])?|@\{.+\}|\{\{.+\}\}|\$\{.+\}", re.DOTALL)
# How a CSV file keeps a number's zeros when a spreadsheet opens it: a formula that gives a text.
_TEXT_FORMULA = re.compile('="((?:[^"]|"")*)"')


def trimmed(text: str) -> str:
    """Return a text without the white space, and whatever cannot be seen, around it."""
    return text.strip(_AROUND)


def unwrapped(text: str) -> str:
    """Return what a formula shows that only makes a text of it, ``="00123"``; any other text as it is."""
    formula = _TEXT_FORMULA.fullmatch(trimmed(text)) if '="' in text else None
    return formula[1].replace('""', '"') if formula else text


def means_nothing(text: str) -> bool:
    """Tell whether the text is a tool's word for no value."""
    return trimmed(text).casefold() in NOTHING


def cell(text: str) -> str:
    """Return what a sheet's cell says: nothing for a word that means it, and ``="00123"`` as the text that it shows."""
    return "" if means_nothing(text) else unwrapped(text)


def why_not_written(text: str) -> str:
    """Return why nobody wrote this text, to follow the name of a property; "" if somebody may have."""
    if text.startswith("#"):
        if text.casefold() in ERRORS:
            return _ERROR.format(text)
        if _TOO_NARROW.fullmatch(text):
            return "is what a spreadsheet shows where a column is too narrow: make the column wider and save it again"
    elif ":5" in text and _NUMBERED_ERROR.fullmatch(text.casefold()):
        return _ERROR.format(text)
    elif text.startswith(_UNFILLED_BEGIN) and _UNFILLED.fullmatch(text):
        return (
            "is what a program writes in place of a value (an object, or an expression that was not evaluated): "
            "correct it where it comes from"
        )
    return ""


def why_not_meant(text: str) -> str:
    """Return why nobody means this text, already trimmed, as an id, a date, a number or a word of a list; or ""."""
    if len(text) <= _LONGEST_NOTHING and text.casefold() in NOTHING:
        return (
            f'is the word "{text}", by which a tool says that there is no value: put the value in where it comes from, '
            "or send null if there is none"
        )
    if len(text) <= _LONGEST_NUMBER and _ROUNDED.fullmatch(text):
        return (
            f'is "{text}", a number that a spreadsheet or a program has rounded, so that others look the same: take it '
            "from its source again, as text (in a spreadsheet, format the column as text first)"
        )
    return why_not_written(text)


def hidden(text: str) -> tuple[str, str]:
    """Return the first character inside of a text that cannot be seen, as U+200B, and what stands before it."""
    # At once of most texts, which are ids.
    found = None if text.isascii() and text.isprintable() else _INSIDE.search(text)
    return (f"U+{ord(found[0]):04X}", text[: found.start()]) if found else ("", "")
