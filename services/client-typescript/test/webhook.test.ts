/** Webhooks by the convention: what is signed, by whom, and when. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";

import { verifyWebhook, WebhookVerificationError } from "../src/webhook.js";

const SECRET = `whsec_${Buffer.from("0123456789abcdef01234567").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("abcdef0123456789abcdef01").toString("base64")}`;
const BODY = Buffer.from('{"type":"declaration.released","data":{"name":"declarations/x","text":"放行"}}');
const now = () => Math.floor(Date.now() / 1_000);

function signature(secret: string, message: string, seconds: number, body: Buffer = BODY): string {
  const hmac = createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64"));
  return `v1,${hmac.update(`${message}.${seconds}.`).update(body).digest("base64")}`;
}

const headers = (signatures: string, seconds: number) => {
  return { "Webhook-Id": "msg_1", "webhook-timestamp": String(seconds), "webhook-signature": signatures };
};

test("a signature of any secret counts", () => {
  const when = now();
  const [mine, other] = [signature(SECRET, "msg_1", when), signature(OTHER, "msg_1", when)];
  assert.deepEqual(verifyWebhook(BODY, headers(mine, when), SECRET), JSON.parse(BODY.toString()));
  assert.ok(verifyWebhook(BODY, headers(`v1a,x ${other} ${mine}`, when), SECRET));
  assert.ok(verifyWebhook(BODY.toString(), headers(other, when), [SECRET, OTHER]));
});

test("five minutes are borne, and no more", () => {
  for (const late of [-301, 302, 86_400]) {
    const when = now() + late;
    const given = headers(signature(SECRET, "msg_1", when), when);
    assert.throws(() => verifyWebhook(BODY, given, SECRET), WebhookVerificationError);
  }
  for (const late of [-295, 295]) {
    const when = now() + late;
    assert.ok(verifyWebhook(BODY, headers(signature(SECRET, "msg_1", when), when), SECRET));
  }
});

test("what is changed is refused", () => {
  const when = now();
  const mine = signature(SECRET, "msg_1", when);
  const refused: [Buffer, Record<string, string>][] = [
    [Buffer.concat([BODY, Buffer.from(" ")]), headers(mine, when)],
    [BODY, headers(mine, when + 1)],
    [BODY, headers(signature(SECRET, "msg_2", when), when)],
    [BODY, headers(signature(OTHER, "msg_1", when), when)],
    [BODY, headers("v1", when)],
    [BODY, headers("v1,***", when)],
    [BODY, headers("", when)],
    [Buffer.from([0xff]), headers(mine, when)],
    [BODY, {}],
  ];
  for (const [body, given] of refused) {
    assert.throws(() => verifyWebhook(body, given, SECRET), WebhookVerificationError);
  }
  assert.throws(() => verifyWebhook(BODY, headers(mine, when), []), WebhookVerificationError);
});

test("a published vector", () => {
  const secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
  const body = '{"event_type":"ping","data":{"success":true}}';
  const signed = new Webhook(secret).sign("msg_loFOjxBNrRLzqYUf", new Date(1731705121_000), body);
  assert.equal(signed, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
  assert.equal(signed, signature(secret, "msg_loFOjxBNrRLzqYUf", 1731705121, Buffer.from(body)));
});
