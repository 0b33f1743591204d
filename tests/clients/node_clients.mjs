// The clients of Node.js that people use, against a running server: node node_clients.mjs HOST:PORT
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { HumanMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { generateObject, generateText, streamText } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const base = `http://${process.argv[2]}`;
const question = "Once upon a time";
const messages = [{ role: "user", content: question }];

async function collect(stream, textOf) {
  let text = "";
  for await (const piece of stream) text += textOf(piece) ?? "";
  return text;
}

async function openai() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0 });
  const model = (await client.models.list()).data[0].id;
  const ask = { model, messages, max_tokens: 8, temperature: 0 };
  const whole = await client.chat.completions.create(ask);
  const answer = whole.choices[0].message.content;
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  const stream = await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } });
  assert.equal(await collect(stream, (chunk) => chunk.choices[0]?.delta?.content), answer);
  const helper = client.chat.completions.stream(ask);
  assert.equal((await helper.finalChatCompletion()).choices[0].message.content, answer);
  const completion = await client.completions.create({ model, prompt: question, max_tokens: 4, logprobs: 2 });
  assert.equal(completion.choices[0].logprobs.tokens.length, completion.usage.completion_tokens);
  const response = await client.responses.create({ model, input: question, max_output_tokens: 8, temperature: 0 });
  assert.equal(response.output_text, answer);
  const events = await client.responses.create({
    model, input: question, max_output_tokens: 8, temperature: 0, stream: true,
  });
  const deltas = (event) => (event.type === "response.output_text.delta" ? event.delta : "");
  assert.equal(await collect(events, deltas), answer);
  await assert.rejects(client.chat.completions.create({ ...ask, temperature: 3 }), OpenAI.BadRequestError);
  await assert.rejects(client.chat.completions.create({ ...ask, model: "another" }), OpenAI.NotFoundError);
  return { model, answer };
}

async function anthropic({ model, answer }) {
  const client = new Anthropic({ baseURL: base, apiKey: "none", maxRetries: 0 });
  const ask = { model, max_tokens: 8, temperature: 0, messages };
  const whole = await client.messages.create(ask);
  assert.equal(whole.content[0].text, answer);
  const stream = client.messages.stream(ask);
  assert.equal(await stream.finalText(), answer);
  const final = await stream.finalMessage();
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
  const counted = await client.messages.countTokens({ model, messages });
  assert.equal(counted.input_tokens, whole.usage.input_tokens);
  await assert.rejects(client.messages.create({ ...ask, temperature: 3 }), Anthropic.BadRequestError);
}

async function vercel({ model, answer }) {
  const provider = createOpenAICompatible({
    name: "sluice", baseURL: `${base}/v1`, apiKey: "none", includeUsage: true, supportsStructuredOutputs: true,
  });
  const ask = { model: provider(model), prompt: question, maxOutputTokens: 8, temperature: 0, maxRetries: 0 };
  const whole = await generateText(ask);
  assert.equal(whole.text, answer);
  assert.ok(whole.usage.inputTokens > 0);
  assert.equal(await collect(streamText(ask).textStream, (text) => text), answer);
  const made = await generateObject({
    ...ask, maxOutputTokens: 200, schema: z.object({ name: z.string().max(12), old: z.boolean() }),
  });
  assert.equal(typeof made.object.old, "boolean");
}

async function langchain({ model, answer }) {
  const chat = new ChatOpenAI({
    model, temperature: 0, maxTokens: 8, apiKey: "none", maxRetries: 0, configuration: { baseURL: `${base}/v1` },
  });
  assert.equal((await chat.invoke([new HumanMessage(question)])).content, answer);
  assert.equal(await collect(await chat.stream(question), (piece) => piece.content), answer);
}

const known = await openai();
for (const check of [anthropic, vercel, langchain]) await check(known);
console.log("ok");
