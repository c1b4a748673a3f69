"""Days that nobody means: where programs begin and end to count, and years that only other calendars have. Pure."""

import re

# Where programs begin to count, which they write for no date: .NET, MySQL, Windows, SQL Server, Excel and LibreOffice,
# Excel on a Mac, Unix. https://learn.microsoft.com/dotnet/api/system.datetime.minvalue
# https://dev.mysql.com/doc/refman/8.4/en/datetime.html https://learn.microsoft.com/windows/win32/sysinfo/file-times
# https://learn.microsoft.com/sql/t-sql/data-types/datetime-transact-sql
# https://support.microsoft.com/office/date-systems-in-excel-e7fe7167-48a9-4b96-bb53-5612a800b487
_NO_DAYS = """
0001-01-01 0000-00-00 0000-01-01 1601-01-01 1753-01-01 1899-12-30 1899-12-31 1900-01-00 1900-01-01 1904-01-01 1970-01-01
"""
NO_DAYS = frozenset(_NO_DAYS.split())
NEVER = frozenset({"9999-12-31"})  # The last day of .NET and of SQL.
UNIX_YEAR = 1970
FIRST_YEAR, LAST_YEAR = 1950, 2100  # Nobody took a course before who is there to be told so.
# Other calendars, by the years that the ones above have in them, and what software makes of half a year.
_YEARS = (
    (
        1,
        199,
        "has a year of less than four digits: probably one of two digits, or of Taiwan's calendar. Write all four",
    ),
    (1300, 1500, "seems to be in the Islamic or the Persian calendar: convert it to the Gregorian one"),
    (1900, 1949, "is probably a year of two digits in the wrong century: write all four digits where it comes from"),
    (2493, 2643, "seems to be in the Buddhist calendar, 543 years ahead: convert it to the Gregorian one"),
    (5700, 5900, "seems to be in the Hebrew calendar: convert it to the Gregorian one"),
)
# Seconds since 1970 that were read as milliseconds, for any date from 2020 to 2035; and its first day somewhere else.
_UNIX_DAYS = re.compile("1969-12-31|1970-01-01|1970-01-(?:19|2[0-5])")


def why_not_year(date: str) -> str:
    """Return why a day, as 2562-12-18, cannot be meant in the Gregorian calendar; "" if it can."""
    year = int(date[:4])
    if UNIX_YEAR < year <= LAST_YEAR:
        return ""
    if _UNIX_DAYS.fullmatch(date):
        return (
            "lies where computers begin to count, at 1970-01-01: there was no date, or its seconds were read as "
            "milliseconds. Correct it where it comes from"
        )
    if FIRST_YEAR <= year <= UNIX_YEAR:
        return ""
    cause = next((cause for first, last, cause in _YEARS if first <= year <= last), "")
    return cause or f"is in the year {date[:4]}, which cannot be meant: correct the year where it comes from"
