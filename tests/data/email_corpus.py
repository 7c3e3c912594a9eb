"""Writes email_corpus.tsv: what the Python email-validator makes of many addresses.

    pip install email-validator==2.4.0
    python tests/data/email_corpus.py > tests/data/email_corpus.tsv

Each line has an address and its normal form, both as JSON strings; the form is null when the
address is refused. Options are the library's defaults, without asking the DNS.
"""

import json
import sys

from email_validator import EmailNotValidError, __version__, validate_email

LOCAL_PARTS = """
a A Abc simple very.common x disposable.style.email.with+symbol other.email-with-hyphen
fully-qualified-domain user.name+tag+sorting user%example.com user- -user _ __ o'brien
!#$%&'*+-/=?^_`{|}~ 1234567890 a.b.c info INFO Info postmaster PostMaster sales support abuse
webmaster www ftp uucp noc security usenet news hostmaster marketing Infos
.leading trailing. two..dots with(comment) with,comma with:colon with;semicolon with<angle
with>angle with[bracket with]bracket with\\backslash with"quote "quoted" "quoted.dot."
"with@at" "with\\"escape" jörg JÖRG Ωmega 用户 मेल почта δοκιμή مثال משתמש 日本 ñoño
🙂 a🙂b Bob<bob
""".split() + [
    "", " ", "a b", " a", "a ", "a\tb", "a\u00a0b", "a\u200bb", "a\u200db", "a\u202eb", "a\u2028b",
    "a\ufeffb", "a\ue000b", "a\u0378b", "a\u0000b", "a\u007fb", "a\u0085b", "e\u0301", "\u0301e",
    "jo\u0308rg", "a\u037eb", "a\u1fefb", "a\u226fb", "a>\u0338b", "a=\u0338b", "\u212bngstrom",
    "\ufb01ne", "a" * 64, "a" * 65, "a" * 200, "é" * 100, "é" * 130, '""', '" "', '"a', 'a"b"',
    "Ⅷ", "x²", "\u3164", "\uff21", "İnfo",
]

DOMAINS = """
example.com EXAMPLE.COM Example.Org sub.example.co.uk a.b.c.d.e.example.com example.museum
123.com 1.2.3.4 example.123 example.c0m example.1com ex-ample.com -example.com example-.com
example.-com example.com- ex--ample.com ab--cd.com a.ab--cd.com xn--.com xn--a.com xn--a-.com
XN--BCHER-KVA.example xn--bcher-kva.example bücher.example BÜCHER.example xn--bücher.example
faß.de fass.de xn--fa-hia.de σίσυφος.gr Σίσυφος.gr xn--ls8h.com 💩.com ☃.net i❤.ws ⒈com.net
a․com example.com. .example.com example..com . .. localhost a.localhost local a.local host.test
test a.b.test invalid a.invalid example a.example onion a.onion arpa 1.in-addr.arpa home.arpa
com example.com-- ex_ample.com ex!ample.com ex@ample.com ex+ample.com ex/ample.com [127.0.0.1]
[IPv6:::1] [300.1.1.1] [example] 127.0.0.1 xn--80ak6aa92e.com пример.рф xn--e1afmkfd.xn--p1ai
例え.テスト 例え.jp 例え。jp 例え．jp 例え｡jp ｅｘａｍｐｌｅ.com ex・ample.com カ・タ.jp l·l.cat a·b.cat
ل.com مثال.إختبار א.com 1א.com א1.com אa.com aא.com 1.אב.com אב.1.com a.אב.com ١.com م١.com
م۱.com م١۱.com ᄀ.com 가.com ـ.com мـ.com ͵α.gr ͵a.gr א׳.com a׳.com א״ב.com ゝ.jp 々.jp 〇.jp
ªb.com b².com ½.com №.com ㏂.com a㏘.com ﹒.com a。.com ﬁ.com Ⅷ.com İ.com ı.com ẞ.de ß.com
ǅ.com ꭰ.com Ꭰ.com ᏸ.com ५.com ๑.com १a.com ཌ་ཌ.com ⅰ.com €.com a™.com 〳.jp ‑a.com a‑b.com
a–b.com xn--1ch.com xn--a-0fa.com xn--lgd.com xn--l-fda.cat xn--ll-0ea.cat xn--mgba.com xn--4dbc.com
1.xn--4dbc.com xn--4dbc.1.com xn--9ca.com XN--9CA.com xn--99zzzzz.com xn--0.pt xn---bbk.com
नमस्ते.भारत xn--j2bd4cyac6f.xn--h2brj9c क्‍ष.com ك‌م.com 한국.kr 中国.cn 中國.tw ไทย.ไทย
""".split() + [
    "", " ", "exa mple.com", " example.com", "example.com ", "example.com\n", "ex\u00adample.com",
    "ex\u200bample.com", "ex\u200dample.com", "e\u0301xample.com", "\u0301example.com",
    "ex\ufe0fample.com", "ex\u034fample.com", "ex\ue000ample.com", "ex\u202eample.com",
    "ex\u00a0ample.com", "ex\u3000ample.com", "a" * 63 + ".com", "a" * 64 + ".com",
    ".".join(["a" * 61] * 4) + ".com", ".".join(["a" * 61] * 4) + ".co",
    ".".join(["abcdefgh"] * 27) + ".com", "ü" * 57 + ".com", "ü" * 58 + ".com", "ü" * 59 + ".com",
    "ü" * 64 + ".com", ".".join(["ü" * 30] * 4) + ".com", "\u1e9e\u0323.de", "a\u0315\u0300.com",
    "\u0340a.com", "\uac00\u11a8.com", "\u1100\u1161.com", "\u115f.com", "\u3164.com", "a\u20d0.com",
    "\u2f868.com", "\U0002f868.com", "\U0001d51e.com", "\U0001f1e6.com", "\u0660a\u06f0.com",
]

WHOLE = [
    "", "@", "@@", "plain", "plainaddress", "a@b@c.com", "a@@b.com", "Joe <joe@example.com>",
    "<joe@example.com>", '"Joe" <joe@example.com>', "joe@example.com (Joe)", "mailto:joe@example.com",
    "joe＠example.com", "joe﹫example.com", "joe@example.com,jane@example.com", "a@b.com\r\n",
    "joe@\u0338example.com", "Abc.example.com", 'a"b(c)d,e:f;g<h>i[j\\k]l@example.com',
    'just"not"right@example.com', 'this is"not\\allowed@example.com', "i.like.underscores@but_they.com",
    "0" * 242 + "@example.com", "0" * 243 + "@example.com", "é" * 121 + "@example.com",
    "é" * 122 + "@example.com", "e\u0301" * 80 + "@example.com", "e\u0301" * 81 + "@example.com",
    "a" * 190 + "@" + "ü" * 40 + ".com", "a" * 200 + "@" + "ü" * 40 + ".com",
]


def main() -> None:
    addresses = [f"{local}@example.com" for local in LOCAL_PARTS]
    addresses += [f"a@{domain}" for domain in DOMAINS] + WHOLE
    print(f"# email-validator {__version__}")
    for address in dict.fromkeys(addresses):
        try:
            normal = validate_email(address, check_deliverability=False).normalized
        except EmailNotValidError:
            normal = None
        print(json.dumps(address), json.dumps(normal), sep="\t")


if __name__ == "__main__":
    sys.exit(main())
