import { RequestState } from '#foundation/http/request-state.ts'

export type SendLogoutToken = () => Promise<void>

/** Logout tokens that wait until the sign-out which they tell of has been committed. */
export const waitingLogoutTokens = new RequestState<SendLogoutToken[]>()
