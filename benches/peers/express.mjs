import express from "express";
import { isKey, JSON_TYPE, lookup, PATH, started } from "./lookup.mjs";

const app = express();

app.get(PATH, async (request, response) => {
  response.type(JSON_TYPE);
  if (!isKey(request.query.key)) {
    response.status(400).send('{"error":"key"}');
    return;
  }
  response.send(await lookup(request.query.address));
});

const server = app.listen(0, "127.0.0.1", () => started(server.address()));
