"""Which passwords are among the first that are guessed. What is refused is written out, and so is what is not."""

from __future__ import annotations

import random

import pytest

from securechat.auth.commonness import LIST, is_common
from securechat.auth.passwords import check_password, prepare_password

OURS = ("alice", "Lab-Chat", "securechat")


@pytest.mark.parametrize(
    "password",
    [
        *("password1234", "Password2024!", "P@ssw0rd1234", "passwordpassword", "password password1", "my password 1"),
        *(
            "qwertyuiop12",
            "asdfghjkl123",
            "1qaz2wsx3edc",
            "q1w2e3r4t5y6",
            "zxcvbnm12345",
            "qwertz123456",
            "azertyuiop12",
        ),
        *(
            "123456789012",
            "098765432109",
            "111111222222",
            "121212121212",
            "123123123123",
            "abcdefghijkl",
            "!!!!!!!!!!!!",
        ),
        *("aaaaaaaaaaaa", "abcabcabcabc", "xq7xq7xq7xq7", "gfhjkmgfhjkm", "trustno1trustno1"),
        *(
            "Summer2024!!",
            "Winter2025!!!",
            "sommer2024!!",
            "iloveyou2025!",
            "letmeinplease1",
            "welcome12345",
            "football7391",
        ),
        *("alice1234567", "Alice19901231", "alice 31.12.1990", "securechat2024", "Lab-Chat 2026"),
        *("Passwort1234", "motdepasse123", "contrasena12", "correct-horse-battery-staple", "May the Force be with you"),
        *("sonyericsson", "counterstrike", "sonyericsson1"),
        *("пароль123456", "ЙЦУКЕНГШЩЗХЪ", "привет-Россия"),
    ],
)
def test_what_is_guessed_first_is_common(password: str) -> None:
    assert is_common(prepare_password(password), OURS)


@pytest.mark.parametrize(
    "password",
    [
        *("correct horse battery", "another battery staple", "tortoise-violin-glacier", "mein alter Hund schnarcht"),
        *("kx7-Qm2-vfR9z", "abcd-efgh-ijkl-mn23", "847362915047", "pass phrase number 17", "a: b :c and so on"),
        *("alice has two left shoes", "Ünïcödé für alle", "我的密碼不告訴你是什麼喔", "horse battery tortoise horse"),
    ],
)
def test_words_that_do_not_belong_together_and_what_chance_has_made_are_not(password: str) -> None:
    assert not is_common(prepare_password(password), OURS)


def test_a_name_makes_a_password_common_for_its_owner_alone() -> None:
    assert check_password("gwendolyn2024", name="gwendolyn") is not None
    assert check_password("gwendolyn2024", name="mallory") is None
    assert check_password("hypatia-2024!", network="hypatia") is not None
    assert check_password("hypatia-2024!", network="athens") is None


def test_nearly_all_of_the_list_of_leaked_passwords_is_refused_whatever_its_case() -> None:
    listed = [line for line in LIST.read_text("ascii").splitlines() if not line.startswith("#")]
    assert len(listed) == 11611
    chosen = random.Random(1).sample(listed, 300)
    assert [word for word in chosen if not is_common(word.title())] == []
    by_rule = [word for word in chosen if is_common(f"{word}!9", ())]
    assert len(by_rule) > 60


def test_random_letters_are_not_common() -> None:
    dice = random.Random(2)
    made = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(500)]
    assert [word for word in made if is_common(word)] == []
