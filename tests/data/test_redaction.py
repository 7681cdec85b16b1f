"""Secrets and personal data are replaced, lines stay, code stays code, and what is no secret stays too."""

import ast
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.redaction import ADDRESS, EMAIL, KEY, redact


def letters(count: int, alphabet: str = string.ascii_letters + string.digits, seed: int = 1) -> str:
    """Made up here, so that nobody's scanner takes it for a real secret."""
    return "".join(random.Random(seed).choices(alphabet, k=count))


UPPER, LOWER, HEX = string.ascii_uppercase + string.digits, string.ascii_lowercase + string.digits, "0123456789abcdef"
TOKENS = {
    "AWS key": "AKIA" + letters(16, UPPER),
    "GitHub token": "ghp_" + letters(36),
    "GitLab token": "glpat-" + letters(20),
    "Google key": "AIza" + letters(35),
    "Hugging Face token": "hf_" + letters(34, string.ascii_letters),
    "JSON web token": f"eyJ{letters(20)}.{letters(40)}.{letters(43)}",
    "Mailchimp key": letters(32, LOWER) + "-us12",
    "npm token": "npm_" + letters(36),
    "OpenAI key": f"sk-{letters(20)}T3BlbkFJ{letters(20)}",
    "Anthropic key": "sk-ant-" + letters(40),
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + letters(80),
    "SendGrid key": f"SG.{letters(22)}.{letters(43)}",
    "Slack token": f"xoxb-{letters(12, string.digits)}-{letters(24, LOWER)}",
    "Square key": "sq0csp-" + letters(43),
    "Stripe key": "sk_live_" + letters(24),
    "Azure storage key": "AccountKey=" + letters(88),
    "Artifactory token": "AKC" + letters(40),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_of_each_format_is_replaced_and_counted(kind):
    code = f'import os\nclient = connect("{TOKENS[kind]}")  # why\n'
    done = redact(code)
    assert done.counts == {kind: 1}
    assert TOKENS[kind] not in done.text
    start, end = done.text.split("SECRET_")
    assert (start, end[6:]) == ('import os\nclient = connect("', '")  # why\n')


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('password = "hunter2xyz!"', "assigned secret"),
        ("{'api_key': 'd41d8cd98f00b204'}", "assigned secret"),
        ('client_secret: "Zx9-qQ7_pL2w"', "assigned secret"),
        ('url = "postgres://app:s3cr3tPw9@db/x"', "password in a URL"),
        (f'aws_secret_key = "{letters(40)}"', "AWS secret"),
        (f'discord.run("N{letters(23)}.{letters(6)}.{letters(27)}")', "Discord token"),
        (f"# telegram: {letters(9, '123456789')}:AA{letters(33)}", "Telegram token"),
        (f'twilio = "SK{letters(32, LOWER)}"', "Twilio key"),
    ],
)
def test_what_a_name_calls_a_secret_is_replaced(line, kind):
    done = redact(line)
    assert sum(done.counts.values()) == 1
    assert kind in done.counts or "assigned secret" in done.counts
    assert "SECRET_" in done.text


@pytest.mark.parametrize(
    "line",
    [
        'password = "password"',
        'token = "access_token"',
        "password = get_password(user)",
        'secret = "{secret}"',
        'token_url = "https://host/path/v2/token"',
        'api_key = os.environ["SERVICE_API_KEY"]',
        'key = "AKIAIOSFODNN7EXAMPLE"',
        'key = "AKIAAAAAAAAAAAAAAAAA"',
        '"https://user:password@host/"',
        "Token.Prompt: '#ansiblue'",
    ],
)
def test_words_templates_and_examples_are_no_secrets(line):
    assert redact(line) == redact(line, salt=b"x")
    assert redact(line).text == line


@pytest.mark.parametrize("address", ["jane.doe@firma.de", "j+x@mail.uni-city.ac.uk", "a_b@x.io"])
def test_an_e_mail_address_is_replaced(address):
    done = redact(f"# Author: Jane <{address}>, 2001\n")
    assert done.counts == {EMAIL: 1}
    assert done.text.startswith("# Author: Jane <EMAIL_")
    assert done.text.endswith(">, 2001\n")


@pytest.mark.parametrize(
    "line",
    [
        "me@example.com me@mail.example.org me@host.test you@localhost",
        "git@github.com:team/shop.git",
        "noreply@github.com",
        "c = a @ b.T + x@y.mean()",
        "@app.route('/')",
        "lodash@4.17.21 icon@2x.png",
    ],
)
def test_examples_decorators_products_and_packages_are_no_e_mail_addresses(line):
    assert redact(line).text == line


@pytest.mark.parametrize("address", ["91.198.174.192", "2a02:8108:50bf:1c00::7d2b", "91.198.174.192:8080"])
def test_an_address_on_the_internet_is_replaced(address):
    done = redact(f'HOST = "{address}"\n')
    assert done.counts == {ADDRESS: 1}
    assert '"IP_ADDRESS_' in done.text


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1 0.0.0.0 10.1.2.3 192.168.0.1 169.254.1.1 255.255.255.0",
        "192.0.2.44 198.51.100.7 203.0.113.9 2001:db8::1 ::1 fe80::1",
        'version = "91.198.174.192"',
        "tool==91.198.174.2",
        "v91.198.174.192 91.198.174.192.5 91.198.174.192-beta",
        "section 8.2.4.44, 1.2.3.4, ObjectIdentifier('2.5.29.30')",
        "8.8.8.8 1.1.1.1 999.999.999.999",
        "std::vector::dead a[2001:2:3] 12:34:56",
    ],
)
def test_local_and_documentation_addresses_and_versions_stay(line):
    assert redact(line).text == line


def test_a_private_key_is_replaced_line_by_line_in_text_and_in_code():
    body = [letters(64, seed=seed) for seed in range(3)]
    marks = [f"-----{what} RSA " + "PRIVATE KEY-----" for what in ("BEGIN", "END")]
    key = "\n".join([marks[0], *body, marks[1]])
    code = "KEY = (\n" + "".join(f"    '{line}\\n'\n" for line in key.splitlines()) + ")\n"
    for text in (key, code):
        done = redact(text)
        assert done.counts == {KEY: 3}
        assert not any(line in done.text for line in body)
        assert done.text.count("\n") == text.count("\n")
    ast.parse(redact(code).text)


def test_a_program_that_looks_for_keys_stays_as_it_is():
    code = (
        "BEGIN = '-----BEGIN PRIVATE"
        + " KEY-----'\nclass CertificateException: ...\nEND = '-----END PRIVATE KEY-----'\n"
    )
    assert redact(code).text == code


def test_the_same_value_has_the_same_placeholder_and_another_for_another_build():
    text = "jane@firma.de john@firma.de jane@firma.de"
    first, second, third = redact(text).text.split()
    assert first == third != second
    assert redact(text, salt=b"other build").text.split()[0] != first


def test_what_was_redacted_stays_as_it_is():
    text = "\n".join([*TOKENS.values(), 'password = "hunter2xyz!"', "jane@firma.de 91.198.174.192"])
    once = redact(text).text
    assert redact(once).text == once


pieces = st.sampled_from(
    [*TOKENS.values(), "jane@firma.de", "91.198.174.192", 'password="', '"', "\n", "@", ":", " ", "x"]
)


@given(st.lists(pieces, max_size=12).map("".join))
@settings(max_examples=100, deadline=None)
def test_whatever_stands_together_lines_stay_where_they_are(text):
    done = redact(text)
    assert done.text.count("\n") == text.count("\n")
    assert len(done.text.splitlines()) == len(text.splitlines())


@pytest.mark.parametrize(
    "line", ["eyJ" * 60_000, "a@" * 60_000, "password=" * 20_000, "1.1" * 60_000, "2000:" * 40_000]
)
def test_a_line_made_to_be_slow_is_not(line):
    assert redact(line).text.count("\n") == 0  # the test's time limit would end it otherwise


def test_a_token_longer_than_what_is_looked_at_goes_as_a_whole():
    token = f"eyJ{letters(100)}.{letters(3000)}.{letters(43)}"
    done = redact(f"x = '{token}'")
    assert done.counts == {"JSON web token": 1}
    assert len(done.text) < 30
