"""A second opinion on blocks and views: Slack's own Python SDK, which nobody here wrote.

It enforces lengths and numbers where it documents them, and it keeps only what it knows: what it does not hand back as it got it is
something that Slack has no name for. Errors are in the form of slack_blocks.py, which knows more (uniqueness, options, markup).
"""
from slack_sdk.models import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View


def judge(thing, at, errors):
    """Every rule of every object inside."""
    if isinstance(thing, JsonObject):
        try:
            thing.validate_json()
        except Exception as e:  # whatever the SDK raises is its no
            errors.append(f"[ERROR] slack_sdk: {type(thing).__name__}: {e} [json-pointer:{at}]")
        for name, value in vars(thing).items():
            judge(value, f"{at}/{name}", errors)
    elif isinstance(thing, (list, tuple)):
        for i, value in enumerate(thing):
            judge(value, f"{at}/{i}", errors)


def unlike(said, understood, at, errors):
    if isinstance(said, dict) and isinstance(understood, dict):
        for key, value in said.items():
            unlike(value, understood.get(key), f"{at}/{key}", errors)
    elif isinstance(said, list) and isinstance(understood, list) and len(said) == len(understood):
        for i, value in enumerate(said):
            unlike(value, understood[i], f"{at}/{i}", errors)
    elif said != understood:
        errors.append(f"[ERROR] slack_sdk knows no such thing here [json-pointer:{at}]")


def of_blocks(blocks):
    errors = []
    try:
        parsed = Block.parse_all(blocks)
        judge(parsed, "/blocks", errors)
        if not errors:
            unlike(blocks, [b.to_dict() for b in parsed], "/blocks", errors)
    except Exception as e:
        errors.append(f"[ERROR] slack_sdk: {type(e).__name__}: {e} [json-pointer:/blocks]")
    return errors


def of_view(view):
    errors = []
    try:
        parsed = View(**view)
        judge(parsed, "", errors)
        if not errors:
            unlike(view, parsed.to_dict(), "", errors)
    except Exception as e:
        errors.append(f"[ERROR] slack_sdk: {type(e).__name__}: {e} [json-pointer:]")
    return errors
