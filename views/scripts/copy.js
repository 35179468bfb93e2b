// Shows the buttons that copy a field's content. Without this script the fields are selected and copied by hand.
for (const button of document.querySelectorAll('button[data-copy]')) {
  const field = document.getElementById(button.dataset.copy)
  button.hidden = false
  button.addEventListener('click', async () => {
    field.select()
    try {
      await navigator.clipboard.writeText(field.value)
    } catch {
      // The clipboard of a page over plain http has this older way only.
      document.execCommand('copy')
    }
    button.textContent = button.dataset.copied ?? 'Copied'
  })
}
