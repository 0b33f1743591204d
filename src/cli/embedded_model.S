// The bytes of the shipped model, page-aligned as a mapped file would be.
  .section .rodata
  .global sluice_embedded_model
  .global sluice_embedded_model_end
  .balign 4096
sluice_embedded_model:
  .incbin SLUICE_MODEL_FILE
sluice_embedded_model_end:
  .byte 0
  .section .note.GNU-stack, "", %progbits
