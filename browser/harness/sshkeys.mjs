// SSH keys as people have them in files (RFC 4253 section 6.6, RFC 8709).

import { createHash, generateKeyPairSync } from "node:crypto";

/** sshKey makes a key: {line, fingerprint, secret}. kind: "ed25519" or "rsa". */
export function sshKey({ kind = "ed25519", bits = 2048, comment = "alice@laptop" } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync(kind, kind === "rsa" ? { modulusLength: bits } : {});
  const jwk = publicKey.export({ format: "jwk" });
  const type = kind === "rsa" ? "ssh-rsa" : "ssh-ed25519";
  const parts = kind === "rsa" ? [number(jwk.e), number(jwk.n)] : [Buffer.from(jwk.x, "base64url")];
  const blob = Buffer.concat([Buffer.from(type), ...parts].map(string));
  return {
    line: `${type} ${blob.toString("base64")} ${comment}`,
    fingerprint: `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`,
    secret: privateKey.export({ format: "pem", type: "pkcs8" }),
  };
}

function string(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

// A number never reads as a negative one.
function number(text) {
  const bytes = Buffer.from(text, "base64url");
  return bytes[0] >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}
