// A conversation with the assistant by OpenAI's SDK; each step checks what it gets.
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.OMI_URL, apiKey: process.env.OMI_TOKEN, maxRetries: 0 });
const ask = (content, more = {}) =>
  client.chat.completions.create({ model: "omi", messages: [{ role: "user", content }], ...more });
const tools = [{ type: "function", function: { name: "light", parameters: { type: "object", properties: {} } } }];

const names = [];
for await (const model of client.models.list()) names.push(model.id);
assert.deepEqual(names.slice(0, 2), ["omi", "omi-todos"]);

const whole = await ask("how far is the moon");
assert.equal(whole.choices[0].message.content, "You asked: how far is the moon");
assert.equal(whole.usage.total_tokens, 10);

let text = "";
let usage;
for await (const chunk of await ask("and the sun", { stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, "You asked: and the sun");
assert.equal(usage.total_tokens, 10);

const called = await client.chat.completions
  .stream({ model: "omi", messages: [{ role: "user", content: "light on" }], tools })
  .finalChatCompletion();
const [call] = called.choices[0].message.tool_calls;
assert.deepEqual([call.id, call.function.name, call.function.arguments], ["call_1", "light", '{"on":true}']);
assert.equal(called.choices[0].finish_reason, "tool_calls");

const first = await client.responses.create({ model: "omi", input: "remember the basil" });
const events = [];
for await (const event of await client.responses.create({
  model: "omi",
  input: "and the mint",
  previous_response_id: first.id,
  stream: true,
}))
  events.push(event);
assert.equal(events.at(-1).type, "response.completed");
assert.equal(events.at(-1).response.output[0].content[0].text, "You asked: and the mint");
assert.equal((await client.responses.retrieve(first.id)).output_text, "You asked: remember the basil");
await client.responses.delete(first.id);
await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);

await assert.rejects(ask("x", { model: "gpt-4o" }), (error) => error.code === "model_not_found");
await assert.rejects(
  new OpenAI({ baseURL: process.env.OMI_URL, apiKey: "sk-wrong", maxRetries: 0 }).models.list(),
  OpenAI.AuthenticationError,
);
console.log("all well: models, completions whole and streamed, tools, responses, errors");
