"""XTREME's languages as the tokenizers of translation models name them."""

from __future__ import annotations

from typing import Any

from stages.errors import UserError

# NLLB-200's names (FLORES-200): language and script
FLORES = {
    "en": "eng_Latn", "af": "afr_Latn", "ar": "arb_Arab", "bg": "bul_Cyrl", "bn": "ben_Beng",
    "de": "deu_Latn", "el": "ell_Grek", "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn",
    "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn", "he": "heb_Hebr", "hi": "hin_Deva",
    "hu": "hun_Latn", "id": "ind_Latn", "it": "ita_Latn", "ja": "jpn_Jpan", "jv": "jav_Latn",
    "ka": "kat_Geor", "kk": "kaz_Cyrl", "ko": "kor_Hang", "ml": "mal_Mlym", "mr": "mar_Deva",
    "ms": "zsm_Latn", "my": "mya_Mymr", "nl": "nld_Latn", "pt": "por_Latn", "ru": "rus_Cyrl",
    "sw": "swh_Latn", "ta": "tam_Taml", "te": "tel_Telu", "th": "tha_Thai", "tl": "tgl_Latn",
    "tr": "tur_Latn", "ur": "urd_Arab", "vi": "vie_Latn", "yo": "yor_Latn", "zh": "zho_Hans",
}  # fmt: skip


def named(tokenizer: Any, language: str) -> tuple[str, int]:
    """Return the tokenizer's own name of a language, and the id of its token.

    M2M-100 says `id` and `__id__`, NLLB-200 `ind_Latn`.

    Raises
    ------
    UserError
        The tokenizer has no token for the language.
    """
    flores = FLORES.get(language, "")
    for name, token in ((flores, flores), (language, f"__{language}__")):
        number = tokenizer.convert_tokens_to_ids(token) if token else None
        if number is not None and number != tokenizer.unk_token_id:
            return name, int(number)
    raise UserError(
        f"the tokenizer of the translation model has no token for {language} "
        f"({FLORES.get(language, 'a language that XTREME lacks')}, __{language}__): nothing was "
        "translated. Take the language out of translate.languages, or name another model "
        "(NLLB-200 has all of XTREME's)."
    )
