import fastify, { type FastifyInstance, type FastifyServerOptions } from "fastify";
import { defineCache, logTo, startSupervisor, streamServer } from "nebulex-streams";
import { feed } from "./feed.js";
import { SseClient } from "./sse.js";

export const prices = defineCache<string, number>({ name: "prices" });

/** A server of prices: `PUT /prices/:symbol`, and `GET /prices` as Server-Sent Events. */
export async function buildServer(options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const server = fastify(options);
  const logging = logTo(server.log);
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [prices, streamServer({ cache: prices, partitions: 4, include: ["value"] })],
  });

  const clients = new Set<SseClient>();
  // A server that closes waits for its connections: these would stay for ever.
  server.addHook("preClose", () => {
    for (const client of clients) client.close();
  });
  server.addHook("onClose", async () => {
    await tree.stop();
    logging.stop();
  });

  server.put<{ Params: { symbol: string }; Body: { price: number } }>(
    "/prices/:symbol",
    {
      schema: {
        body: {
          type: "object",
          required: ["price"],
          properties: { price: { type: "number" } },
        },
      },
    },
    async ({ params, body }, reply) => {
      prices.put(params.symbol, body.price);
      return reply.code(204).send();
    },
  );

  server.get("/prices", async (request, reply) => {
    const lastEventId = request.headers["last-event-id"]?.toString();
    reply.hijack(); // from here on the response is ours, with the headers of plugins (CORS, say)
    for (const [name, value = ""] of Object.entries(reply.getHeaders()))
      reply.raw.setHeader(name, value);
    const client = new SseClient(reply.raw);
    clients.add(client);
    try {
      for await (const event of feed(prices, lastEventId, client.signal)) await client.send(event);
    } catch (error) {
      if (!client.signal.aborted) request.log.error(error, "the feed failed");
    } finally {
      clients.delete(client);
      client.close();
    }
  });

  return server;
}
