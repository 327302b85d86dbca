// Servers that are not ours: another site, and what stands behind a route.

import { createServer } from "node:http";
import { once } from "node:events";

import { freePort } from "./ports.mjs";

/**
 * serve answers with handler(request, body) → {status, headers, body}, on a
 * loopback port. host is the name that its origin says: "localhost" is another
 * site than 127.0.0.1 to a browser.
 */
export async function serve(handler, { host = "127.0.0.1" } = {}) {
  const port = await freePort();
  const seen = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    const answer = handler(request, body) ?? {};
    response.writeHead(answer.status ?? 200, { "Content-Type": "text/html; charset=utf-8", ...answer.headers });
    response.end(answer.body ?? "");
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://${host}:${port}`,
    port,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
