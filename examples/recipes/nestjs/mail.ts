import { Injectable, Module } from "@nestjs/common";

@Injectable()
export class MailService {
  async welcome(user: string): Promise<void> {
    console.log("welcome,", user);
  }
}

@Module({ providers: [MailService], exports: [MailService] })
export class MailModule {}
