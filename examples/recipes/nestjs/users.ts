import { Body, Controller, Get, HttpCode, NotFoundException, Param, Put } from "@nestjs/common";
import { type Cache, defineCache } from "nebulex-streams";
import { InjectCache } from "./nebulex.module.js";

export interface User {
  readonly name: string;
}

export const users = defineCache<string, User>({ name: "users" });

@Controller("users")
export class UsersController {
  readonly #users: Cache<string, User>;

  constructor(@InjectCache("users") injected: Cache<string, User>) {
    this.#users = injected;
  }

  @Put(":id")
  @HttpCode(204)
  put(@Param("id") id: string, @Body() user: User): void {
    this.#users.put(id, user);
  }

  @Get(":id")
  get(@Param("id") id: string): User {
    const user = this.#users.get(id);
    if (user === undefined) throw new NotFoundException();
    return user;
  }
}
