/** Finds the JSON that a message answers with. */
type Message = import('@anthropic-ai/sdk/resources/messages/messages').Message;

/**
 * Where the answer is looked for: in the text, in the input of the first tool use, or in that of a tool of this name. Default: in the
 * tool use where the message stopped for one (`stop_reason` is `tool_use`), else in the text.
 */
export type AnswerPlace = 'text' | 'tool_use' | { tool: string };

export type FoundAnswer = { value: unknown } | { reason: 'no_text' | 'no_tool_use' | 'not_json'; message: string };

const FENCE = /^\s*(?:`{3,}|~{3,})/;

export function answerOf(message: Pick<Message, 'content' | 'stop_reason'>, place: AnswerPlace = message.stop_reason === 'tool_use' ? 'tool_use' : 'text'): FoundAnswer {
  // It counts as succeeded whatever stands in it.
  const content = Array.isArray(message.content) ? message.content.filter((block) => typeof block === 'object' && block !== null) : [];
  return place === 'text' ? inText(content) : inToolUse(content, typeof place === 'object' ? place.tool : undefined);
}

function inToolUse(content: Message['content'], tool: string | undefined): FoundAnswer {
  const use = content.find((block) => block.type === 'tool_use' && (tool === undefined || block.name === tool));
  if (use?.type === 'tool_use') return { value: use.input };
  return { reason: 'no_tool_use', message: `The message uses no tool${tool === undefined ? '' : ` ${tool}`}.` };
}

function inText(content: Message['content']): FoundAnswer {
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('').trim();
  if (text === '') return { reason: 'no_text', message: 'The message has no text.' };
  const whole = parsed(text);
  if ('value' in whole) return whole;
  for (const fenced of fencedIn(text)) {
    const found = parsed(fenced);
    if ('value' in found) return found;
  }
  return whole;
}

/** What stands between the fences of Markdown. No line of JSON begins with one: texts of JSON have no line feeds in them. */
function fencedIn(text: string): string[] {
  const blocks: string[] = [];
  let block: string[] | undefined;
  for (const line of text.split('\n')) {
    if (!FENCE.test(line)) block?.push(line);
    else if (block) {
      blocks.push(block.join('\n'));
      block = undefined;
    } else block = [];
  }
  return blocks;
}

function parsed(text: string): FoundAnswer {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    // What JSON.parse says repeats the text, which is not to stand in histories and logs.
    return { reason: 'not_json', message: 'The text is not JSON, nor is there a code block in it that is.' };
  }
}
