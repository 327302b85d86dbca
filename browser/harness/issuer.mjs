// A real OpenID provider that is not ours: oidc-provider, which is certified by
// the OpenID Foundation, on a loopback port of its own. It asks who somebody is
// and whether they agree, by two forms; it wants PKCE, hands out a new refresh
// token for each old one, and tells its clients when somebody has signed out.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

import { freePort } from "./ports.mjs";

const MAX_FORM = 4096; // characters

/**
 * issue starts a provider. name is what its client here calls it. What comes
 * back has:
 *
 *   origin      where it is, and its issuer
 *   settings(…) an entry of `providers`
 *   knows(…)    adds a person by what it says of them: {sub, name, email, …}
 *   serves(o)   tells it the Latchkey that it sends people back to
 *   forget(s)   ends the sessions of a subject without telling anybody
 *   stop()
 */
export async function issue(name, { claimsInIdToken = true } = {}) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const people = new Map();
  const kept = new Map(); // of all models but clients
  const client = { client_id: `latchkey-at-${name}`, client_secret: randomBytes(24).toString("base64url") };
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

  const provider = new Provider(origin, {
    adapter: memory(kept, client),
    clients: [],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: name }] },
    // Cookies are the host's, whatever the port: two providers must not share.
    cookies: { keys: [randomBytes(24).toString("hex")], names: { session: `${name}_session`, interaction: `${name}_interaction`, resume: `${name}_resume` } },
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username", "groups"],
      email: ["email", "email_verified"],
    },
    conformIdTokenClaims: !claimsInIdToken,
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    expiresWithSession: () => false,
    findAccount: (_, sub) => people.has(sub) && { accountId: sub, claims: async () => people.get(sub) },
    interactions: { url: (_, interaction) => `/${interaction.prompt.name}/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = page(`Sign out of ${name}?`, `${form}<button form="op.logoutForm" name="logout" value="yes">Yes, sign out</button>`);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page(`Signed out of ${name}`, "");
        },
      },
    },
    renderError: (ctx, out) => {
      ctx.type = "html";
      ctx.body = page("Something is wrong", escaped(JSON.stringify(out)));
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, RefreshToken: 86_400, Session: 86_400, Interaction: 600, Grant: 86_400 },
    // It would refuse to tell a client on this machine of a sign-out.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  });

  const rest = provider.callback();
  const server = createServer((request, response) => {
    const step = /^\/(login|consent)\/[\w-]+(\/cancel)?$/.exec(request.url);
    if (!step) return rest(request, response);
    interact(provider, people, name, step, request, response).catch((failure) => {
      response.writeHead(500).end(String(failure));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  return {
    name,
    origin,
    client,
    settings: (secretFile, more = {}) => ({ name, type: "oidc", title: `Example ${name}`, issuer: origin, client_id: client.client_id, client_secret_file: secretFile, ...more }),
    knows(person) {
      people.set(person.sub, { email_verified: true, ...person });
      return person.sub;
    },
    serves(latchkey) {
      Object.assign(client, {
        redirect_uris: [`${latchkey}/-/oauth/${name}/callback`],
        post_logout_redirect_uris: [`${latchkey}/ui/login`],
        backchannel_logout_uri: `${latchkey}/-/oauth/${name}/logout`,
        backchannel_logout_session_required: true,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      });
    },
    forget(sub) {
      for (const [key, { payload }] of kept) if (key.startsWith("Session:") && payload.accountId === sub) kept.delete(key);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

// interact is the two forms: who is it, and do they agree.
async function interact(provider, people, name, [, step, cancel], request, response) {
  const { uid, params, prompt, grantId, session } = await provider.interactionDetails(request, response);
  const show = (title, content) => response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page(title, content));
  const away = `<form method="post" action="/${step}/${uid}/cancel"><button>Cancel</button></form>`;
  if (request.method !== "POST" && step === "login") {
    return show(`Sign in to ${name}`, `<form method="post"><label>Account <input name="account"></label> <button>Continue</button></form>${away}`);
  }
  if (request.method !== "POST") {
    return show(`Let ${escaped(params.client_id)} know who you are?`, `<form method="post"><button>Allow</button></form>${away}`);
  }
  if (cancel) return provider.interactionFinished(request, response, { error: "access_denied", error_description: "the person <b>said</b> no" });
  if (step === "login") {
    const account = new URLSearchParams(await body(request)).get("account");
    if (!people.has(account)) return show(`Sign in to ${name}`, "There is no such account");
    return provider.interactionFinished(request, response, { login: { accountId: account } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

async function body(request) {
  let text = "";
  for await (const chunk of request) if ((text += chunk).length > MAX_FORM) throw new Error("the form is too long");
  return text;
}

function page(title, content) {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head><body><h1>${title}</h1>${content}</body></html>`;
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// memory is what a provider remembers, for as long as it runs. It has the one
// client, whatever that has become.
function memory(kept, client) {
  return class {
    constructor(model) {
      this.key = (id) => `${model}:${id}`;
      this.clients = model === "Client";
      this.of = (field, value) => [...kept].find(([key, { payload }]) => key.startsWith(`${model}:`) && payload[field] === value)?.[1].payload;
    }
    async upsert(id, payload, expiresIn) {
      kept.set(this.key(id), { payload, ends: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    }
    async find(id) {
      if (this.clients) return id === client.client_id ? { ...client } : undefined;
      const found = kept.get(this.key(id));
      return found && found.ends > Date.now() ? found.payload : undefined;
    }
    async findByUserCode(code) {
      return this.of("userCode", code);
    }
    async findByUid(uid) {
      return this.of("uid", uid);
    }
    async consume(id) {
      kept.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000);
    }
    async destroy(id) {
      kept.delete(this.key(id));
    }
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of kept) if (payload.grantId === grantId) kept.delete(key);
    }
  };
}
