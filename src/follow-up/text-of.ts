// Type-only: importing the SDK itself would put it into workflow bundles.
type Message = import('@anthropic-ai/sdk/resources/messages/messages').Message;

/** All text of a message, its text blocks joined; empty where it has none. */
export function textOf(message: Pick<Message, 'content'>): string {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}
