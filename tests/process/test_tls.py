"""TLS to the peers: a CA of our own is accepted when the configuration names it; without it, and for another host, nothing is said to anybody."""
import json
import os
import ssl
import subprocess
import urllib.request

from harness import SECRETS, Mail, Slack, run, wait_for

CONF = """[req]
distinguished_name = dn
prompt = no
[dn]
CN = %s
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
subjectAltName = %s
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(folder, name):
    path = os.path.join(folder, name)
    with open(path + ".conf", "w") as f:
        f.write(CONF % (name, "DNS:x"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-config", path + ".conf",
            "-extensions", "ca", "-keyout", path + ".key", "-out", path + ".pem")
    return path


def certificate(ca, name, alternative, days="2"):
    path = os.path.join(os.path.dirname(ca), name)
    with open(path + ".conf", "w") as f:
        f.write(CONF % (name, alternative))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", path + ".conf", "-keyout", path + ".key",
            "-out", path + ".csr")
    openssl("x509", "-req", "-in", path + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial", "-days", days, "-extfile",
            path + ".conf", "-extensions", "server", "-out", path + ".pem")
    return path + ".pem", path + ".key"


def begin(w, alternative, host="localhost", signer="ours", trust="ours"):
    """Slack behind TLS with a certificate for `alternative`, reached as `host`."""
    ours, other = authority(w.folder, "ours"), authority(w.folder, "other")
    cert = certificate({"ours": ours, "other": other}[signer], "slack", alternative)
    slack, stripe, dw = w.begin(slack=("--tls", *cert), start=False)
    dw.config["chat"]["slack"]["api_url"] = slack.url.replace("127.0.0.1", host) + "/api/"
    if trust:
        dw.config["tls"] = {"ca_file": {"ours": ours, "other": other}[trust] + ".pem"}
    dw.write_config()
    return slack, stripe, dw


def refused(w, dw):
    """Nobody was told a token, neither by `check` nor by `run`, and both say why."""
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 3 and "FAIL slack" in text and ("certificate" in text or "SSL" in text or "TLS" in text), (code, text)
    dw.start(ready=False)
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and "SSL" in dw.get("/readyz")[1] and dw.get("/readyz")[1])
    print(why.strip())
    state = w.slack.state()
    assert not state["calls"] and state["opened"] == 0, state


def test_own_authority(w):
    slack, stripe, dw = begin(w, "DNS:localhost")
    assert dw.command("check", "--config", dw.config_path)[0] == 0
    dw.start()
    assert "Noted" in slack.say("U0AE1", "note northwind over TLS")
    slack.post("socket", do="refresh", socket="all", close_after_s=5)
    wait_for("a new connection", lambda: slack.state()["opened"] >= 2)
    assert "Noted" in slack.say("U0AE1", "note northwind still over TLS", fragments=5)


def test_own_authority_by_address(w):
    slack, stripe, dw = begin(w, "IP:127.0.0.1", host="127.0.0.1")
    dw.start()
    assert "Noted" in slack.say("U0AE1", "note northwind over TLS")


def test_unknown_authority(w):
    refused(w, begin(w, "DNS:localhost", trust=None)[2])


def test_other_authority(w):
    refused(w, begin(w, "DNS:localhost", signer="other")[2])


def test_other_host(w):
    refused(w, begin(w, "DNS:slack.example")[2])


def secured(cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cert)
    return context


def begin_billing(w, alternative="DNS:localhost", mail_alternative="DNS:localhost", url="smtp://localhost:{}", asked="required", **tls):
    """Stripe and the mail server behind TLS. tls: how the mail server does it, with a certificate for `mail_alternative`."""
    ours = authority(w.folder, "ours")
    how = next(iter(tls), "tls_context")
    w.mail = Mail(**{how: secured(certificate(ours, "mail", mail_alternative))})
    w.parts.append(w.mail)
    slack, stripe, dw = w.begin(stripe=("--tls", *certificate(ours, "stripe", alternative)), start=False)
    dw.config["billing"]["stripe"]["base_url"] = stripe.url.replace("127.0.0.1", "localhost")
    dw.config["smtp"] = {"url": url.format(w.mail.port), "from": "billing@example.com", "tls": asked}
    dw.config["tls"] = {"ca_file": ours + ".pem"}
    dw.write_config()
    return slack, stripe, dw


def mailed(w, stripe):
    stripe.failed("initech", 80_00)
    wait_for("the mail", lambda: w.mail.got)
    assert w.mail.got[0].rcpt_tos == ["pay@initech.example"]


def test_billing_and_mail_by_starttls(w):
    slack, stripe, dw = begin_billing(w)
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 0, text
    dw.start()
    mailed(w, stripe)


def test_mail_by_tls_from_the_start(w):
    slack, stripe, dw = begin_billing(w, url="smtps://localhost:{}", ssl_context=True)
    dw.start()
    mailed(w, stripe)


def test_other_host_for_billing(w):
    slack, stripe, dw = begin_billing(w, alternative="DNS:stripe.example")
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 3 and "FAIL stripe" in text, (code, text)
    dw.start()
    stripe.failed("initech", 80_00)
    wait_for("a refused reading", lambda: dw.sql("SELECT 1 FROM effects WHERE op = 'read' AND reason LIKE '%certificate%'"))
    assert not stripe.log(), "Stripe's key was sent to somebody else"


def test_other_host_for_mail(w):
    slack, stripe, dw = begin_billing(w, mail_alternative="DNS:mail.example")
    dw.start()
    stripe.failed("initech", 80_00)
    wait_for("a refused mail", lambda: dw.sql("SELECT 1 FROM effects WHERE op = 'mail' AND reason != ''"))
    print(dw.sql("SELECT reason FROM effects WHERE op = 'mail'"))
    assert not w.mail.begun, "a customer's mail was shown to somebody else"


def test_other_host_for_the_socket_only(w):
    """The Web API is right, but the socket it names is somebody else: the host is checked there too."""
    slack, stripe, dw = begin(w, "DNS:localhost")
    dw.start()
    dw.stop()
    ours = os.path.join(w.folder, "ours")
    impostor = Slack("--tls", *certificate(ours, "impostor", "DNS:slack.example"))
    w.parts.append(impostor)
    ask = urllib.request.Request(impostor.url + "/api/apps.connections.open", data=b"", headers={"Authorization": "Bearer " + SECRETS["SLACK_APP_TOKEN"]})
    with impostor.open(ask, timeout=20) as answer:
        address = json.load(answer)["url"]  # a ticket that would be accepted there
    slack.post("config", link=address.replace("127.0.0.1", "localhost"))
    dw.start(ready=False)
    wait_for("an attempt", lambda: slack.state()["calls"].get("apps.connections.open", 0) >= 3)
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and dw.get("/readyz")[1])
    print(why.strip())
    assert impostor.state()["opened"] == 0
    assert dw.get("/readyz")[0] == 503


if __name__ == "__main__":
    run(globals())
