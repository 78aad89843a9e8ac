// A module for NestJS: caches are injected, handlers use services, the tree starts before the first
// request, and is stopped behind the last one.
//
//   npx tsx examples/recipes/nestjs/main.ts
//   curl -X PUT http://127.0.0.1:3000/users/ada -H 'content-type: application/json' -d '{"name":"Ada"}'
//   curl http://127.0.0.1:3000/users/ada
//
// Needs "experimentalDecorators" in tsconfig.json, as any NestJS application.
import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { handlerPool, streamServer } from "nebulex-streams";
import { MailModule, MailService } from "./mail.js";
import { NebulexModule } from "./nebulex.module.js";
import { users, UsersController } from "./users.js";

@Module({
  imports: [
    NebulexModule.forRoot({
      caches: [users],
      imports: [MailModule],
      inject: [MailService],
      tree: (mail: MailService) => ({
        strategy: "rest_for_one",
        children: [
          users,
          streamServer({ cache: users, partitions: 2, include: ["value"] }),
          handlerPool({
            cache: users,
            handler: async ({ type, value }) => {
              if (type === "inserted" && value !== undefined) await mail.welcome(value.name);
            },
          }),
        ],
      }),
    }),
  ],
  controllers: [UsersController],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ["warn", "error"] });
// Without it, a signal ends the process before the handlers are through.
app.enableShutdownHooks(["SIGINT", "SIGTERM"], { useProcessExit: true });
await app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
console.log("listening on", await app.getUrl());
