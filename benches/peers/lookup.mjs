// A lookup as a brand would write it in Node: a key, a cache in memory, and one query.
import { LRUCache } from "lru-cache";
import pg from "pg";

const [, , mode, url, brandId, key] = process.argv;

// Postgres plans a query with a name once for each connection.
const QUERY = {
  name: "lookup",
  text: `select answer.body from customer_addresses as found
    join answers as answer on answer.brand_id = $1 and answer.customer_key = found.customer_key
    where found.brand_id = $1 and found.kind = 'email' and found.address = $2`,
};

const pool = new pg.Pool({ connectionString: url, max: 10 });
const cache = mode === "cached" ? new LRUCache({ max: 100_000, ttl: 300_000 }) : undefined;

export const PATH = "/omnidesk/customerlookup";
export const JSON_TYPE = "application/json; charset=utf-8";

export function isKey(given) {
  return given === key;
}

export async function lookup(address) {
  const cached = cache?.get(address);
  if (cached !== undefined) return cached;
  const { rows } = await pool.query({ ...QUERY, values: [brandId, address] });
  const body = rows.length > 0 ? `[${rows[0].body}]` : "[]";
  cache?.set(address, body);
  return body;
}

// Tells the benchmark where to send requests.
export function started({ address, port }) {
  console.log(`${address}:${port}`);
}
