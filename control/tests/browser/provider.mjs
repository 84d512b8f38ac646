// npm's oidc-provider as the identity provider of `tests/oidc.rs`, on a port of its own. Told by argv; says its issuer.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const told = JSON.parse(process.argv[2]);
const require = createRequire(join(told.modules, "none.js"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

// Whoever started it holds the other end.
process.stdin.on("end", () => process.exit(0)).resume();

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "actgate",
      client_secret: told.secret,
      redirect_uris: [`${told.control}/login/callback`],
      post_logout_redirect_uris: [`${told.control}/login`],
    }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["name", "employee"], roles: ["roles"] },
    scopes: ["openid", "profile", "roles"],
    // Names in the ID token, roles at the user info endpoint too: as a provider pleases.
    conformIdTokenClaims: told.userinfo,
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    cookies: { keys: ["a key of a test"] },
    // What is signed in at the dev form is the account, whatever the password.
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...told.people[id] }) }),
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});
