import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { outerEnv } from "../helpers/packed.mjs";
import { installing, Project } from "./project.js";

const application = `import "reflect-metadata";
import { Controller, Get, Inject, Injectable, Module, OnApplicationShutdown, Param } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { defineCache, handlerPool, startSupervisor, streamServer, type Cache, type Supervisor } from "nebulex-streams";

const users = defineCache<string, string>({ name: "users" });

@Injectable()
class Tree implements OnApplicationShutdown {
  constructor(@Inject("tree") private readonly tree: Supervisor) {}

  async onApplicationShutdown(signal?: string): Promise<void> {
    await this.tree.stop();
    console.log("stopped by", signal);
  }
}

@Controller("users")
class Users {
  constructor(@Inject("users") private readonly users: Cache<string, string>) {}

  @Get(":id")
  get(@Param("id") id: string): string {
    return this.users.getOrStore(id, () => \`user \${id}\`);
  }
}

@Module({
  controllers: [Users],
  providers: [
    { provide: "users", useValue: users },
    {
      provide: "tree",
      useFactory: () =>
        startSupervisor({
          strategy: "rest_for_one",
          children: [
            users,
            streamServer({ cache: users }),
            handlerPool({ cache: users, handler: ({ type, target }) => console.log(type, target) }),
          ],
        }),
    },
    Tree,
  ],
})
class Application {}

async function main(): Promise<void> {
  const application = await NestFactory.create(Application, { logger: ["error"] });
  application.enableShutdownHooks();
  await application.listen(0, "127.0.0.1");
  console.log("listening at", await application.getUrl());
}
void main();
`;

const decorators = { emitDecoratorMetadata: true, experimentalDecorators: true };
const strict = { target: "es2022", strict: true, skipLibCheck: true, types: ["node"] };
const projects = {
  commonjs: { module: "commonjs", moduleResolution: "node10" },
  nodenext: { module: "nodenext" },
};

let project: Project;
beforeAll(async () => {
  const nest = ["common", "core", "platform-express"].map((name) => `@nestjs/${name}@11`);
  const others = ["reflect-metadata@0.2", "rxjs@7", "typescript@5.9", "@types/node@20"];
  const files = Object.entries(projects).flatMap(([name, options]) => [
    [`${name}/main.ts`, application],
    [
      `${name}/tsconfig.json`,
      JSON.stringify({ compilerOptions: { ...strict, ...decorators, ...options } }),
    ],
  ]);
  project = await Project.make([...nest, ...others], Object.fromEntries(files));
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

test.each(Object.keys(projects))(
  "a NestJS 11 application in %s serves from a cache, and stops the tree at SIGTERM",
  async (name) => {
    await project.bin("tsc", "-p", name);
    const child = spawn(process.execPath, [join(project.folder, name, "main.js")], {
      cwd: project.folder,
      env: outerEnv(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const next = async (): Promise<string> => String((await lines.next()).value);
      const url = (await next()).replace("listening at ", "");
      const response = await fetch(`${url}/users/7`);
      expect(await response.text()).toBe("user 7");
      expect(await next()).toBe("inserted { kind: 'key', key: '7' }");
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      expect(await next()).toBe("stopped by SIGTERM");
      // NestJS gives the process the signal again when all hooks are done.
      expect(await exited).toEqual([null, "SIGTERM"]);
    } finally {
      child.kill("SIGKILL");
    }
  },
  60_000,
);
