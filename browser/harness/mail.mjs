// A mail server that keeps what it is sent. Enough of RFC 5321 for one client:
// no TLS and no sign-in, which loopback needs neither of.

import { once } from "node:events";
import { createServer } from "node:net";

import { until } from "./daemon.mjs";
import { freePort } from "./ports.mjs";

/**
 * mailbox starts the server. letters are {from, to, subject, text}, oldest
 * first; letterTo waits for the nth letter to an address.
 */
export async function mailbox() {
  const port = await freePort();
  const letters = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    converse(socket, letters);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${port}`,
    letters,
    letterTo: (to, nth = 1) => until(() => letters.filter((l) => l.to.includes(to))[nth - 1], `letter ${nth} to ${to}`),
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function converse(socket, letters) {
  const say = (line) => socket.write(`${line}\r\n`);
  let envelope = { to: [] };
  let data = null; // lines of the letter that is under way
  let rest = "";
  const take = (line) => {
    if (data !== null) {
      if (line !== ".") return data.push(line.startsWith(".") ? line.slice(1) : line);
      letters.push({ ...envelope, ...read(data) });
      [envelope, data] = [{ to: [] }, null];
      return say("250 kept");
    }
    const verb = line.split(/[ :]/, 1)[0].toUpperCase();
    const address = /<([^>]*)>/.exec(line)?.[1];
    switch (verb) {
      case "EHLO":
        say("250-mail.example.com");
        return say("250 8BITMIME");
      case "MAIL":
        envelope.from = address;
        return say("250 go on");
      case "RCPT":
        envelope.to.push(address);
        return say("250 go on");
      case "DATA":
        data = [];
        return say("354 until a dot");
      case "QUIT":
        say("221 bye");
        return socket.end();
      default:
        return say(["HELO", "RSET", "NOOP"].includes(verb) ? "250 ok" : "502 not here");
    }
  };
  say("220 mail.example.com");
  socket.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\r\n");
    rest = lines.pop();
    lines.forEach(take);
  });
}

// read takes a letter of plain text apart (RFC 5322, RFC 2045, RFC 2047).
function read(lines) {
  const gap = lines.indexOf("");
  const head = lines.slice(0, gap).join("\n").replace(/\n[ \t]+/g, " ");
  const header = (name) => new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1] ?? "";
  const body = lines.slice(gap + 1).join("\n");
  const coding = header("Content-Transfer-Encoding").toLowerCase();
  const text = coding === "quoted-printable" ? unquote(body) : coding === "base64" ? Buffer.from(body, "base64").toString("utf8") : body;
  return { subject: words(header("Subject")), text };
}

function unquote(text) {
  return bytes(text.replace(/=\n/g, ""));
}

function words(subject) {
  return subject.replace(/=\?utf-8\?([qb])\?([^?]*)\?= ?/gi, (_, way, word) =>
    way.toLowerCase() === "b" ? Buffer.from(word, "base64").toString("utf8") : bytes(word.replaceAll("_", " ")));
}

function bytes(text) {
  return Buffer.from(text.replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1").toString("utf8");
}
