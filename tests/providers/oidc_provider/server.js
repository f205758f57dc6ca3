// A real OpenID provider on loopback, for tests. Reads one JSON object per line on stdin, writes
// one per line on stdout. The first line configures: {keys, clients, accounts, algorithm,
// resource}; where there is a resource, access tokens of who names none are for it. Then:
//   {keys}      sign with these from now on (logins and grants stay)
//   {accounts}  groups of each account from now on
// Ends when stdin does.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

let accounts = {};
let handle;
let config;
let issuer;

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

function make(keys) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: config.clients,
    claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['not a secret: this provider knows nobody'] },
    clientDefaults: { id_token_signed_response_alg: config.algorithm },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, one) => one ?? config.resource,
        useGrantedResource: () => Boolean(config.resource),
        getResourceServerInfo: (ctx, indicator) => ({
          scope: 'read',
          audience: indicator,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: config.algorithm } },
        }),
      },
    },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: accounts[id] ?? [] }),
    }),
    // Its own guard keeps it from calling loopback, where the tests' gateway is.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    ttl: { IdToken: 300, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
    rotateRefreshToken: true,
  });
  provider.on('backchannel.error', (ctx, error) => say({ error: String(error) }));
  provider.on('server_error', (ctx, error) => say({ error: String(error.stack) }));
  handle = provider.callback();
}

const server = createServer((request, response) => handle(request, response));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const told = JSON.parse(line);
    if (told.accounts) accounts = told.accounts;
    if (issuer) {
      if (told.keys) make(told.keys);
      say({ done: true });
      return;
    }
    config = told;
    server.listen(told.port ?? 0, '127.0.0.1', () => {
      issuer = `http://127.0.0.1:${server.address().port}`;
      make(told.keys);
      say({ issuer });
    });
  })
  .on('close', () => process.exit(0));
