// Puts a button beside each password that shows what was typed. Without this script it stays hidden.
for (const input of document.querySelectorAll('input[type="password"][data-show]')) {
  const { show, hide } = input.dataset
  const hadFocus = document.activeElement === input
  const row = document.createElement('span')
  const button = document.createElement('button')
  row.className = 'field-row'
  button.type = 'button'
  button.className = 'quiet'
  button.textContent = show
  button.setAttribute('aria-pressed', 'false')
  input.replaceWith(row)
  row.append(input, button)
  button.addEventListener('click', () => {
    const shown = input.type === 'text'
    input.type = shown ? 'password' : 'text'
    button.textContent = shown ? show : hide
    button.setAttribute('aria-pressed', String(!shown))
  })
  // What is sent is never remembered by the browser as a text.
  input.form?.addEventListener('submit', () => {
    input.type = 'password'
  })
  if (hadFocus) input.focus()
}
