/** Follow-ups that the product's own workers serve. */
export const CHECK_JSON_ANSWER = 'checkJsonAnswer';
export const CHECK_JSON_ANSWERS_OF_SLICE = 'checkJsonAnswersOfSlice';
export const READY_MADE_FOLLOW_UPS: readonly string[] = [CHECK_JSON_ANSWER, CHECK_JSON_ANSWERS_OF_SLICE];
