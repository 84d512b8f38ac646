// The suite sends no token: preloaded, this adds the one in ACTGATE_TOKEN to whatever it sends, by `fetch` and by node:http.
const { subscribe } = require("node:diagnostics_channel");
const token = process.env.ACTGATE_TOKEN;
if (token) {
  subscribe("undici:request:create", ({ request }) => request.addHeader("authorization", `Bearer ${token}`));
  subscribe("http.client.request.created", ({ request }) => request.setHeader("authorization", `Bearer ${token}`));
}
