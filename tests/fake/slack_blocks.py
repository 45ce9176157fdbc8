"""What Slack refuses in blocks and views, as far as its reference documents it.

Every checker adds "[ERROR] ... [json-pointer:/...]" lines to a list; an empty list means Slack would take it. Lengths are UTF-16
units. Unknown properties are refused, as Slack does ("invalid additional property"). `notes` collects what Slack would take but
what is a mistake all the same: an ampersand that is not escaped, a broadcast mention. What passes here is shown to Slack's own SDK
as well (slack_sdk_opinion.py), so that no rule holds only because we misread it.
"""
import re

import slack_sdk_opinion

MENTION = re.compile(r"<(@[UW][A-Z0-9]+|#C[A-Z0-9]+(\|[^<>|]*)?|https?://[^<>|]+(\|[^<>|]*)?|mailto:[^<>|]+(\|[^<>|]*)?"
                     r"|!date\^-?\d+\^[^<>^|]+(\^https?://[^<>|]+)?\|[^<>|]+)>")
DATE_TOKENS = {"date_num", "date", "date_short", "date_long", "date_pretty", "date_short_pretty", "date_long_pretty", "time",
               "time_secs", "ago"}
BROADCAST = re.compile(r"<!(channel|here|everyone|subteam)")


def units(text):
    return len(text.encode("utf-16-le")) // 2


class Checker:
    def __init__(self, modal=False):
        self.errors, self.notes, self.modal = [], [], modal
        self.block_ids, self.focus = set(), 0

    def bad(self, at, text):
        self.errors.append(f"[ERROR] {text} [json-pointer:{at}]")

    def keys(self, at, obj, required, optional=()):
        if not isinstance(obj, dict):
            self.bad(at, "must be an object")
            return False
        for key in obj:
            if key not in required and key not in optional:
                self.bad(at, f"invalid additional property: {key}")
        for key in required:
            if key not in obj:
                self.bad(at, f"missing required field: {key}")
        return all(key in obj for key in required)

    def string(self, at, value, most, least=1):
        if not isinstance(value, str):
            self.bad(at, "must be a string")
        elif units(value) > most:
            self.bad(at, f"must be less than {most + 1} characters")
        elif units(value) < least or (least and not value.strip()):
            self.bad(at, f"must be more than {least - 1} characters")

    def markup(self, at, text):
        """mrkdwn: everything in angle brackets must be a reference we meant, everything else escaped."""
        if BROADCAST.search(text):
            self.notes.append(f"{at}: a broadcast mention in {text[:80]!r}")
        for token in re.findall(r"<!date\^[^>|]*\|", text):
            for name in re.findall(r"{(\w*)}", token):
                if name not in DATE_TOKENS:
                    self.notes.append(f"{at}: unknown date token {name}")
        rest = MENTION.sub("", text)
        if "<" in rest or ">" in rest or re.search(r"&(?!amp;|lt;|gt;)", rest):
            self.notes.append(f"{at}: unescaped & < > in {text[:80]!r}")

    def text(self, at, obj, most, kinds=("plain_text", "mrkdwn")):
        if not isinstance(obj, dict) or obj.get("type") not in kinds:
            self.bad(at, f"must be a text object of {' or '.join(kinds)}")
            return
        plain = obj["type"] == "plain_text"
        if self.keys(at, obj, ("type", "text"), ("emoji",) if plain else ("verbatim",)):
            self.string(at + "/text", obj["text"], most)
            if not plain and isinstance(obj["text"], str):
                self.markup(at + "/text", obj["text"])

    def plain(self, at, obj, most):
        self.text(at, obj, most, ("plain_text",))

    def confirm(self, at, obj):
        if self.keys(at, obj, ("title", "text", "confirm", "deny"), ("style",)):
            self.plain(at + "/title", obj["title"], 100)
            self.text(at + "/text", obj["text"], 300)
            self.plain(at + "/confirm", obj["confirm"], 30)
            self.plain(at + "/deny", obj["deny"], 30)

    def option(self, at, obj):
        if self.keys(at, obj, ("text", "value"), ("description",)):
            self.text(at + "/text", obj["text"], 75, ("plain_text",))
            self.string(at + "/value", obj["value"], 75)
            if "description" in obj:
                self.plain(at + "/description", obj["description"], 75)

    def options(self, at, obj, least, most):
        if not isinstance(obj, list) or not least <= len(obj) <= most:
            self.bad(at, f"must have {least} to {most} options")
            return
        for i, option in enumerate(obj):
            self.option(f"{at}/{i}", option)
        values = [o.get("value") for o in obj if isinstance(o, dict)]
        if len(set(values)) != len(values):
            self.bad(at, "option values must be unique")

    def element(self, at, e, where):
        kind = e.get("type") if isinstance(e, dict) else None
        allowed = {"actions": ("button", "overflow", "static_select", "datepicker"),
                   "accessory": ("button", "overflow", "static_select", "datepicker"),
                   "input": ("static_select", "datepicker", "plain_text_input")}[where]
        if kind not in allowed:
            self.bad(at, f"unsupported type: {kind}")
            return
        if "action_id" in e:
            self.string(at + "/action_id", e["action_id"], 255)
        getattr(self, kind)(at, e)

    def button(self, at, e):
        if self.keys(at, e, ("type", "text"), ("action_id", "value", "url", "style", "confirm", "accessibility_label")):
            self.plain(at + "/text", e["text"], 75)
        if "value" in e:
            self.string(at + "/value", e["value"], 2000)
        if e.get("style", "primary") not in ("primary", "danger"):
            self.bad(at + "/style", "must be primary or danger")
        if "confirm" in e:
            self.confirm(at + "/confirm", e["confirm"])

    def overflow(self, at, e):
        if self.keys(at, e, ("type", "options"), ("action_id", "confirm")):
            self.options(at + "/options", e["options"], 2, 5)

    def static_select(self, at, e):
        if self.keys(at, e, ("type", "options"), ("action_id", "placeholder", "initial_option", "confirm", "focus_on_load")):
            self.options(at + "/options", e["options"], 1, 100)
            if "initial_option" in e and e["initial_option"] not in e["options"]:
                self.bad(at + "/initial_option", "must be one of the options")

    def datepicker(self, at, e):
        self.keys(at, e, ("type",), ("action_id", "placeholder", "initial_date", "confirm", "focus_on_load"))
        if "initial_date" in e and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(e["initial_date"])):
            self.bad(at + "/initial_date", "must be YYYY-MM-DD")

    def plain_text_input(self, at, e):
        self.keys(at, e, ("type",), ("action_id", "placeholder", "initial_value", "multiline", "min_length", "max_length",
                                     "dispatch_action_config", "focus_on_load"))
        if not 1 <= e.get("max_length", 3000) <= 3000:
            self.bad(at + "/max_length", "must be 1 to 3000")
        if "initial_value" in e:
            self.string(at + "/initial_value", e["initial_value"], e.get("max_length", 3000))
        config = e.get("dispatch_action_config", {"trigger_actions_on": ["on_enter_pressed"]})
        if self.keys(at + "/dispatch_action_config", config, ("trigger_actions_on",), ()):
            on = config["trigger_actions_on"]
            if not isinstance(on, list) or not on or not set(on) <= {"on_enter_pressed", "on_character_entered"}:
                self.bad(at + "/dispatch_action_config", "must name on_enter_pressed or on_character_entered")

    def block(self, at, b):
        kinds = ("header", "section", "context", "divider", "actions") + (("input",) if self.modal else ())
        kind = b.get("type") if isinstance(b, dict) else None
        if kind not in kinds:
            self.bad(at, f"unsupported type: {kind}")
            return
        if "block_id" in b:
            self.string(at + "/block_id", b["block_id"], 255)
            if b["block_id"] in self.block_ids:
                self.bad(at, f"block_id {b['block_id']} already exists")
            self.block_ids.add(b["block_id"])
        getattr(self, "block_" + kind)(at, b)

    def block_divider(self, at, b):
        self.keys(at, b, ("type",), ("block_id",))

    def block_header(self, at, b):
        if self.keys(at, b, ("type", "text"), ("block_id",)):
            self.plain(at + "/text", b["text"], 150)

    def block_section(self, at, b):
        self.keys(at, b, ("type",), ("text", "fields", "accessory", "block_id", "expand"))
        if "text" not in b and "fields" not in b:
            self.bad(at, "missing required field: text or fields")
        if "text" in b:
            self.text(at + "/text", b["text"], 3000)
        if "fields" in b:
            if not 1 <= len(b["fields"]) <= 10:
                self.bad(at + "/fields", "must have 1 to 10 items")
            for i, f in enumerate(b["fields"]):
                self.text(f"{at}/fields/{i}", f, 2000)
        if "accessory" in b:
            self.element(at + "/accessory", b["accessory"], "accessory")

    def block_context(self, at, b):
        if self.keys(at, b, ("type", "elements"), ("block_id",)):
            if not 1 <= len(b["elements"]) <= 10:
                self.bad(at + "/elements", "must have 1 to 10 items")
            for i, e in enumerate(b["elements"]):
                self.text(f"{at}/elements/{i}", e, 2000)

    def block_actions(self, at, b):
        if not self.keys(at, b, ("type", "elements"), ("block_id",)):
            return
        if not 1 <= len(b["elements"]) <= 25:
            self.bad(at + "/elements", "must have 1 to 25 items")
        ids = set()
        for i, e in enumerate(b["elements"]):
            self.element(f"{at}/elements/{i}", e, "actions")
            action_id = e.get("action_id") if isinstance(e, dict) else None
            if action_id in ids:
                self.bad(f"{at}/elements/{i}", f"`action_id` \"{action_id}\" already exists")
            ids.add(action_id)

    def block_input(self, at, b):
        if self.keys(at, b, ("type", "label", "element"), ("block_id", "hint", "optional", "dispatch_action")):
            self.plain(at + "/label", b["label"], 2000)
            self.element(at + "/element", b["element"], "input")
        for flag in ("optional", "dispatch_action"):
            if not isinstance(b.get(flag, False), bool):
                self.bad(f"{at}/{flag}", "must be a boolean")

    def blocks(self, at, blocks, most):
        if not isinstance(blocks, list):
            self.bad(at, "must be a list")
            return
        if len(blocks) > most:
            self.bad(at, f"no more than {most} items allowed")
        for i, b in enumerate(blocks):
            self.block(f"{at}/{i}", b)


def check_message(text, blocks):
    """(errors, notes) of a message."""
    c = Checker()
    if blocks is not None:
        c.blocks("/blocks", blocks, 50)
    if isinstance(text, str):
        c.markup("/text", text)
    return c.errors or slack_sdk_opinion.of_blocks(blocks or []), c.notes


def check_view(view):
    """(errors, notes) of a modal."""
    c = Checker(modal=True)
    optional = ("submit", "close", "callback_id", "external_id", "private_metadata", "clear_on_close", "notify_on_close")
    if not c.keys("", view, ("type", "title", "blocks"), optional):
        return c.errors, c.notes
    if view["type"] != "modal":
        c.bad("/type", "must be modal")
    for name in ("title", "submit", "close"):
        if name in view:
            c.plain("/" + name, view[name], 24)
    if "callback_id" in view:
        c.string("/callback_id", view["callback_id"], 255)
    if "private_metadata" in view:
        c.string("/private_metadata", view["private_metadata"], 3000, 0)
    c.blocks("/blocks", view["blocks"], 100)
    if not view["blocks"]:
        c.bad("/blocks", "must not be empty")
    if "submit" not in view and any(isinstance(b, dict) and b.get("type") == "input" for b in view["blocks"]):
        c.bad("/submit", "submit is required when an input block is within blocks")
    return c.errors or slack_sdk_opinion.of_view(view), c.notes
