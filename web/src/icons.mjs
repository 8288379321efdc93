// The icons of the product by their Lucide names; add one here and rebuild to use it as #i-NAME.
export const icons = `
accessibility activity arrow-down arrow-left arrow-right arrow-up baby badge-check banknote bell book-open briefcase
building-2 bus calendar calendar-plus camera chart-column check chevron-down chevron-left chevron-right circle-alert circle-check circle-x clipboard-list
clock clock-alert copy database droplets external-link eye eye-off file-check file-text files filter fingerprint flashlight gauge git-branch
globe graduation-cap heart-pulse history house image-up info key-round landmark layout-dashboard leaf list lock log-in log-out
mail-check map map-pin megaphone menu message-square minus paperclip pause pen-line phone play plus printer qr-code refresh-cw smartphone
rotate-ccw save scale scan-line scan-qr-code search send settings shield-check siren stamp star store thermometer traffic-cone
trash-2 tree-pine triangle-alert upload download user user-check user-plus user-x users video wifi-off wind x
`.trim().split(/\s+/);
