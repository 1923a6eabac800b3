import Fastify from "fastify";
import { isKey, JSON_TYPE, lookup, PATH, started } from "./lookup.mjs";

const app = Fastify();

app.get(PATH, async (request, reply) => {
  reply.type(JSON_TYPE);
  if (!isKey(request.query.key)) {
    return reply.code(400).send('{"error":"key"}');
  }
  return reply.send(await lookup(request.query.address));
});

await app.listen({ host: "127.0.0.1", port: 0 });
started(app.server.address());
