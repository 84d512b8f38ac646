// An OAuth client that asks a protected resource with a token that is bound to its key (RFC 9449), by oauth4webapi. It says
// the key's thumbprint, reads a token from its input, and says the status of each of its requests.
//
//   node protected-resource.mjs LIBRARY URL GATEWAY ALG
import { createInterface } from 'node:readline/promises';
import { request as send } from 'node:http';
import { pathToFileURL } from 'node:url';

const [library, url, gateway, alg] = process.argv.slice(2);
const oauth = await import(pathToFileURL(library).href);

const keys = await oauth.generateKeyPair(alg, { extractable: true });
const DPoP = oauth.DPoP({ client_id: 'coder' }, keys);
console.log(await DPoP.calculateThumbprint());

// TLS ends before the gateway: what is signed is the outer address, what is called the inner one.
const customFetch = (address, { method, headers }) =>
  new Promise((done, failed) => {
    const { pathname, search, host } = new URL(address);
    const [hostname, port] = gateway.split(':');
    const fields = { ...Object.fromEntries(new Headers(headers)), host };
    const outgoing = send({ hostname, port, method, path: pathname + search, headers: fields }, (incoming) => {
      const parts = [];
      incoming.on('data', (part) => parts.push(part));
      incoming.on('end', () => {
        done(new Response(Buffer.concat(parts), { status: incoming.statusCode, headers: incoming.headers }));
      });
    });
    outgoing.on('error', failed);
    outgoing.end();
  });

for await (const token of createInterface({ input: process.stdin })) {
  try {
    const response = await oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, {
      DPoP,
      [oauth.customFetch]: customFetch,
    });
    console.log(`${response.status}`);
  } catch (error) {
    // The library reads the challenge.
    const challenge = error.cause?.[0] ?? {};
    console.log(`${error.status ?? error} ${challenge.scheme} ${challenge.parameters?.error} ${challenge.parameters?.algs}`);
  }
}
