import type { TestEnvironment } from "jest-environment-node";

export default class WarningsEnvironment extends TestEnvironment {
  handleTestEvent(event: { name: string; test?: { errors: unknown[] } }): void;
}
